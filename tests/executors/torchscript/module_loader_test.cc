// Modules built before their weights are there, and files that must not be.

#include "server/executors/torchscript/module_loader.h"

#include <filesystem>
#include <fstream>

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>
#include <torch/csrc/jit/runtime/operator.h>

#include "server/base/worker.h"
#include "tests/executors/model_file.h"
#include "tests/executors/scripted.h"
#include "tests/formats/open_archive.h"
#include "tests/formats/pickle_text.h"
#include "tests/support/status_matchers.h"
#include "tests/support/torch_models.h"
#include "tests/support/zip_writer.h"

namespace ferry::module_loader_test {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::optional<LoadedModule>> Load(
    const TorchScriptArchive& archive, std::stop_token stop = {}) {
  const auto range = ImageRange::Reserve(archive.layout().size_bytes);
  return LoadModule(archive, *range, /*filled=*/false, stop);
}

TEST(ModuleLoaderTest, BuildsAModuleWhoseTensorsPointIntoTheRange) {
  TemporaryFolder folder;
  Scripted("def forward(self, x):\n    return x + self.weight\n")
      .save(folder / "m.pt");
  const auto archive = OpenArchive(folder / "m.pt");
  const auto range = ImageRange::Reserve(archive->layout().size_bytes);
  const auto module = LoadModule(*archive, *range, false, {});
  ASSERT_THAT(module, IsOk());
  const at::Tensor weight = (*module)->object->getAttr("weight").toTensor();
  EXPECT_TRUE(range->OffsetOf(weight.const_data_ptr()).has_value());
  EXPECT_EQ(weight.sizes(), (std::vector<int64_t>{4}));
  EXPECT_FALSE((*module)->object->getAttr("training").toBool());
}

TEST(ModuleLoaderTest, RefusesCodeThatTouchesFiles) {
  SKIP_WITHOUT_MODELS();
  for (const auto& [name, operation] :
       {std::pair("writes_file", "aten::save"),
        std::pair("reads_file", "aten::from_file"),
        std::pair("reads_file_deep", "aten::from_file")}) {
    const std::string path = ModelsFolder() + "/" + name + ".pt";
    const auto module = Load(*OpenArchive(path));
    EXPECT_THAT(module, StatusIs(absl::StatusCode::kInvalidArgument));
    const std::string message(module.status().message());
    EXPECT_THAT(message, HasSubstr(operation));
  }
}

TEST(ModuleLoaderTest, ADefaultValueRunsNothing) {
  const std::string wrote = testing::TempDir() + "ferry_default_value";
  std::filesystem::remove(wrote);
  const auto load = [&](const std::string& line) {
    ZipWriter zip;
    zip.Add("data.pkl", pickle::Whole(pickle::Object("M", pickle::Dict({}))));
    zip.Add("constants.pkl", pickle::Whole(pickle::Tuple({})));
    zip.Add("version", "3\n");
    zip.Add(
        "code/__torch__.py",
        "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n" + line);
    auto archive = OpenTorchScript(MemoryFile(zip.Finish()), "m.pt");
    EXPECT_THAT(archive, IsOk());
    return Load(**archive).status();
  };
  const std::string save = "torch.save(1, \"" + wrote + "\")";
  const std::string forward = "  def forward(self: __torch__.M, x: Tensor";
  const std::string body = ") -> Tensor:\n    return x\n";
  EXPECT_THAT(load(forward + ", y: int=1" + body), IsOk());
  for (const std::string& line :
       {forward + ", y: Tuple[()]=" + save + body,
        "  c : Final[Tuple[()]] = " + save + "\n" + forward + body}) {
    const absl::Status status = load(line);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(status.message()), HasSubstr("torch.save"));
    EXPECT_FALSE(std::filesystem::exists(wrote));
  }
}

TEST(ModuleLoaderTest, SaysInOneLineWhatLibTorchDidNotUnderstand) {
  // An operator that only the process that saved the file had.
  TemporaryFolder folder;
  const std::string schema = "aten::no_such_operator(Tensor x) -> Tensor";
  torch::jit::registerOperator(torch::jit::Operator(
      schema, [](torch::jit::Stack&) {}, c10::AliasAnalysisKind::CONSERVATIVE));
  Scripted("def forward(self, x):\n    return torch.no_such_operator(x)\n")
      .save(folder / "m.pt");
  torch::jit::deregisterOperator(torch::jit::parseSchema(schema));
  const auto loaded = Load(*OpenArchive(folder / "m.pt"));
  EXPECT_THAT(loaded, StatusIs(absl::StatusCode::kInvalidArgument));
  const std::string message(loaded.status().message());
  EXPECT_THAT(message, HasSubstr("no_such_operator"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(ModuleLoaderTest, ASetStateThatNeverEndsIsCancelled) {
  SKIP_WITHOUT_MODELS();
  Devices devices;
  const auto archive = OpenArchive(ModelsFolder() + "/endless_load.pt");
  const PlacedWeights host = PlaceWeights(*archive, devices.cpu);
  const ImageRange range =
      ImageRange::Over(host.weights->data(), host.weights->size_bytes());
  std::stop_source stop;
  absl::Status status;
  {
    const Worker worker("load", [&] {
      status = LoadModule(*archive, range, true, stop.get_token()).status();
    });
    stop.request_stop();
  }
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
}

TEST(ModuleLoaderTest, CodeThatRunsAtLoadNeedsWeightsThatAreThere) {
  SKIP_WITHOUT_MODELS();
  const auto archive = OpenArchive(ModelsFolder() + "/set_state.pt");
  const auto module = Load(*archive);
  ASSERT_THAT(module, IsOk());
  EXPECT_FALSE(module->has_value());
}

TEST(ModuleLoaderTest, SaysWhetherTheFilesOwnCodeRan) {
  SKIP_WITHOUT_MODELS();
  CpuDevice cpu(uint64_t{1} << 30);
  for (const auto& [name, ran] :
       {std::pair("mlp", false), std::pair("set_state", true)}) {
    const auto archive = OpenArchive(ModelsFolder() + "/" + name + ".pt");
    const PlacedWeights host = PlaceWeights(*archive, cpu);
    const ImageRange range =
        ImageRange::Over(host.weights->data(), host.weights->size_bytes());
    const auto module = LoadModule(*archive, range, /*filled=*/true, {});
    ASSERT_THAT(module, IsOk()) << name;
    EXPECT_EQ((*module)->ran_code, ran) << name;
  }
}

TEST(ModuleLoaderTest, BuildsWhatWasCheckedWhenTheFileChangesMeanwhile) {
  TemporaryFolder folder;
  Scripted("def forward(self, x):\n    return x + self.weight\n")
      .save(folder / "m.pt");
  const auto archive = OpenArchive(folder / "m.pt");
  const std::string noise(archive->file_size_bytes(), 'x');
  std::ofstream(folder / "m.pt", std::ios::in | std::ios::binary) << noise;
  const auto module = Load(*archive);
  ASSERT_THAT(module, IsOk());
  EXPECT_NE((*module)->object->type()->findMethod("forward"), nullptr);
}

}  // namespace
}  // namespace ferry::module_loader_test
