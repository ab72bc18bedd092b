// Loads the test models, binds them to every kind of device and runs them.
//
// Two references: the golden answers that eager PyTorch gave (equal up to
// rounding) and LibTorch's own loader on the cpu (equal bit by bit).

#include "server/executors/torchscript/torchscript_program.h"

#include <array>
#include <fstream>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "absl/strings/str_join.h"

#include "tests/executors/model_file.h"
#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"
#include "tests/support/torch_models.h"

namespace ferry::program_test {
namespace {

// What torch::jit::load's module answers, as a list of outputs.
std::vector<c10::IValue> Reference(const std::string& path,
                                   const std::vector<c10::IValue>& inputs) {
  const c10::InferenceMode inference;
  torch::jit::Module module = torch::jit::load(path, c10::kCPU);
  module.eval();
  const c10::IValue answer = module.forward(inputs);
  if (!answer.isTuple()) return {answer};
  return answer.toTupleRef().elements().vec();
}

class GoldenTest : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, AnswersAsEagerPyTorchAndBitEqualOnEveryDevice) {
  SKIP_WITHOUT_MODELS();
  Devices devices;
  const std::string base = ModelsFolder() + "/" + GetParam();
  const auto inputs = ReadValues(base + ".in.pt", 'i');
  const auto golden = ReadValues(base + ".out.pt", 'o');
  const auto reference = Reference(base + ".pt", inputs);
  for (Device* device : devices.all) {
    SCOPED_TRACE(device->name());
    ServedModel model = Serve(base + ".pt", *device, devices);
    ASSERT_NE(model.instance, nullptr);
    for (int run = 0; run < 3; ++run) {
      SCOPED_TRACE(run);
      const auto result =
          model.instance->Run(ToInputs(model.program->signature(), inputs));
      ASSERT_THAT(result, IsOk());
      if (reference.size() == 1 && reference[0].isGenericDict()) continue;
      ASSERT_EQ(result->outputs().size(), reference.size());
      for (size_t i = 0; i < reference.size(); ++i) {
        EXPECT_TRUE(SameBits(result->outputs()[i].value, reference[i])) << i;
        if (i < golden.size()) {
          EXPECT_TRUE(Close(result->outputs()[i].value, golden[i])) << i;
        }
      }
    }
    EXPECT_FALSE(model.program->stateful());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, GoldenTest,
    ::testing::Values("mlp", "mlp_traced", "conv", "lstm", "lstm_traced", "gru",
                      "packed", "packed_traced", "sdpa", "lm_tied",
                      "lm_tied_traced", "baked_traced", "encoder_traced",
                      "views", "identity", "nested", "nested_deep", "resnet18",
                      "resnet18_traced", "minilm", "set_state"),
    [](const auto& info) { return info.param; });

TEST(ProgramTest, TellsTheDtypesOfItsInputsAndWhichStayOnTheHost) {
  SKIP_WITHOUT_MODELS();
  for (const auto& [name, datatype, host] : {std::tuple{"mlp", "FP32", ""},
                                             {"lm_tied", "INT64", ""},
                                             {"conv", "FP32", ""},
                                             {"lstm", "FP32", ""},
                                             {"minilm", "INT64", ""},
                                             {"packed", "FP32", "lengths"},
                                             {"packed_traced", "FP32", ""}}) {
    const auto archive = OpenArchive(ModelsFolder() + "/" + name + ".pt");
    const auto program = TorchScriptProgram::Load(*archive, nullptr, {});
    ASSERT_THAT(program, IsOk());
    const Signature& signature = (*program)->signature();
    EXPECT_EQ(signature.inputs[0].datatype, datatype) << name;
    EXPECT_EQ(absl::StrJoin(signature.host_inputs, " "), host) << name;
  }
}

TEST(ProgramTest, KeepsOnTheHostWhatItIsTold) {
  const TemporaryFolder folder;
  Scripted(
      "def forward(self, xs: Dict[str, Tensor]):\n"
      "    return (xs[\"a\"] + self.weight, str(xs[\"b\"].device))\n")
      .save(folder / "m.pt");
  Devices devices;
  const auto archive = OpenArchive(folder / "m.pt");
  const PlacedWeights on_sim = PlaceWeights(*archive, *devices.sim0);
  alignas(16) constexpr std::array<float, 4> kFour{};
  const Value four = {TensorView{.dtype = DType::kFloat32,
                                 .shape = {4},
                                 .bytes = std::as_bytes(std::span(kFour))}};
  const std::vector<NamedValue> inputs = {
      {"xs", {Value::Dict{{"a", four}, {"b", four}}}}};
  for (const auto& [told, where] : {std::pair{"xs.b", "cpu"},
                                    {"xs", ""},
                                    {"xs.bb", "sim:0"},
                                    {"x", "sim:0"}}) {
    const auto program =
        TorchScriptProgram::Load(*archive, nullptr, {}, {{told}});
    ASSERT_THAT(program, IsOk());
    const auto instance = *(*program)->Bind(*on_sim.weights, nullptr);
    const auto result = instance->Run(inputs);
    if (*where == '\0') {  // "a" cannot be added to what is on the device.
      EXPECT_THAT(result, StatusIs(absl::StatusCode::kInternal));
      continue;
    }
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(std::get<std::string>(result->outputs()[1].value.value), where);
  }
}

TEST(ProgramTest, AFileWithoutForwardIsNoProgram) {
  SKIP_WITHOUT_MODELS();
  const auto archive = OpenArchive(ModelsFolder() + "/mlp.in.pt");
  const auto program = TorchScriptProgram::Load(*archive, nullptr, {});
  EXPECT_THAT(program, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(program.status().message()),
              ::testing::HasSubstr("has no forward"));
}

TEST(ProgramTest, TellsNamesAndTypesOfInputsAndOutputs) {
  SKIP_WITHOUT_MODELS();
  const auto archive = OpenArchive(ModelsFolder() + "/nested.pt");
  const auto program = TorchScriptProgram::Load(*archive, nullptr, {});
  ASSERT_THAT(program, IsOk());
  const Signature& signature = (*program)->signature();
  ASSERT_EQ(signature.inputs.size(), 7u);
  EXPECT_EQ(signature.inputs[0].name, "batch");
  EXPECT_EQ(signature.inputs[0].type, "Dict[str, Tensor]");
  EXPECT_EQ(signature.inputs[3].type, "Optional[Tensor]");
  EXPECT_FALSE(signature.inputs[6].required);
  ASSERT_EQ(signature.outputs.size(), 6u);
  EXPECT_EQ(signature.outputs[0].name, "output_0");
}

TEST(ProgramTest, AnArgumentWithADefaultMayBeLeftOut) {
  SKIP_WITHOUT_MODELS();
  const std::string base = ModelsFolder() + "/nested";
  Devices devices;
  const ServedModel model = Serve(base + ".pt", devices.cpu, devices);
  const auto values = ReadValues(base + ".in.pt", 'i');
  auto inputs = ToInputs(model.program->signature(), values);
  inputs.pop_back();
  const auto result = model.instance->Run(inputs);
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(std::get<bool>(result->outputs()[5].value.value));
}

TEST(ProgramTest, OneProgramServesAllItsReplicas) {
  SKIP_WITHOUT_MODELS();
  const std::string base = ModelsFolder() + "/baked_traced";
  Devices devices;
  const auto archive = OpenArchive(base + ".pt");
  const auto program = TorchScriptProgram::Load(*archive, nullptr, {});
  ASSERT_THAT(program, IsOk());
  const auto values = ReadValues(base + ".in.pt", 'i');
  const auto inputs = ToInputs((*program)->signature(), values);
  const auto golden = ReadValues(base + ".out.pt", 'o');
  for (Device* device : devices.all) {
    const PlacedWeights weights = PlaceWeights(*archive, *device);
    const auto instance = (*program)->Bind(*weights.weights, nullptr);
    ASSERT_THAT(instance, IsOk());
    EXPECT_EQ(&(*instance)->device(), device);
    const auto result = (*instance)->Run(inputs);
    ASSERT_THAT(result, IsOk());
    EXPECT_TRUE(Close(result->outputs()[0].value, golden[0]));
  }
}

// Their compiler compares constants of one dtype and shape byte by byte, those
// of a function when it loads it and those of a callee when it inlines it.
class ConstantsOfOneShapeTest : public ::testing::TestWithParam<std::string> {};

TEST_P(ConstantsOfOneShapeTest, AreToldApart) {
  TemporaryFolder folder;
  torch::jit::Module module = Scripted(
      "def part(self, x):\n    return (x + x) * (x + x) + self.weight\n"
      "def forward(self, x):\n    return self.part(x)\n");
  if (GetParam() == "forward") {
    module = Scripted(
        "def forward(self, x):\n    return (x + x) * (x + x) + self.weight\n");
  }
  torch::jit::Graph& graph = *module.get_method(GetParam()).graph();
  float next = 10;
  for (torch::jit::Node* node : graph.nodes()) {
    if (node->kind() != c10::aten::add || next > 11) continue;
    const torch::jit::WithInsertPoint before(node);
    node->replaceInput(1, graph.insertConstant(at::full({4}, next++)));
  }
  module.save(folder / "m.pt");
  Devices devices;
  const at::Tensor x = at::zeros({4});
  for (Device* device : devices.all) {
    const auto archive = OpenArchive(folder / "m.pt");
    const auto program = TorchScriptProgram::Load(*archive, nullptr, {});
    ASSERT_THAT(program, IsOk());
    const PlacedWeights weights = PlaceWeights(*archive, *device);
    const auto instance = *(*program)->Bind(*weights.weights, nullptr);
    const auto result =
        instance->Run(ToInputs((*program)->signature(), {c10::IValue(x)}));
    ASSERT_THAT(result, IsOk());
    EXPECT_TRUE(
        SameBits(result->outputs()[0].value, at::full({4}, 10.0 * 11 + 1)));
  }
}

INSTANTIATE_TEST_SUITE_P(In, ConstantsOfOneShapeTest,
                         ::testing::Values("forward", "part"),
                         [](const auto& info) { return info.param; });

// A file whose forward adds that constant to x.
void SaveAdder(const std::string& path, const at::Tensor& constant) {
  torch::jit::Module module =
      Scripted("def forward(self, x):\n    return x + self.weight\n");
  torch::jit::Graph& graph = *module.get_method("forward").graph();
  for (torch::jit::Node* node : graph.nodes()) {
    if (node->kind() != c10::aten::add) continue;
    const torch::jit::WithInsertPoint before(node);
    node->replaceInput(1, graph.insertConstant(constant));
  }
  module.save(path);
}

TEST(ProgramTest, MoreConstantsThanAreReadEarlyComeWithTheWeights) {
  // Of which one, without dimensions, is a large record's.
  TemporaryFolder folder;
  const at::Tensor large = at::zeros({5 << 20});
  large.slice(0, 3, 4).fill_(41.5);
  SaveAdder(folder / "m.pt", large.select(0, 3));
  const auto archive = OpenArchive(folder / "m.pt");
  ASSERT_GT(archive->layout().size_bytes,
            TorchScriptProgram::kConstantsReadMaxBytes);
  const auto early = TorchScriptProgram::Load(*archive, nullptr, {});
  ASSERT_THAT(early, IsOk());
  EXPECT_EQ(*early, nullptr);
  Devices devices;
  for (Device* device : devices.all) {
    ServedModel model = Serve(folder / "m.pt", *device, devices);
    ASSERT_NE(model.instance, nullptr);
    const at::Tensor x = at::zeros({4});
    const auto result = model.instance->Run(
        ToInputs(model.program->signature(), {c10::IValue(x)}));
    ASSERT_THAT(result, IsOk());
    EXPECT_TRUE(SameBits(result->outputs()[0].value, at::full({4}, 41.5)));
  }
}

TEST(ProgramTest, AWrongScalarConstantIsDataLoss) {
  // A constant without dimensions is read when the program is loaded.
  TemporaryFolder folder;
  SaveAdder(folder / "m.pt", at::scalar_tensor(41.5));
  Devices devices;
  ServedModel model = Serve(folder / "m.pt", devices.cpu, devices);
  const at::Tensor x = at::zeros({4});
  const auto result = model.instance->Run(
      ToInputs(model.program->signature(), {c10::IValue(x)}));
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(SameBits(result->outputs()[0].value, at::full({4}, 41.5)));

  std::fstream file(folder / "m.pt",
                    std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const float value = 41.5;
  const size_t at = bytes.find(
      std::string(reinterpret_cast<const char*>(&value), sizeof(value)));
  ASSERT_NE(at, std::string::npos);
  file.seekp(static_cast<std::streamoff>(at));
  file.put('\x01');
  file.close();
  EXPECT_THAT(
      TorchScriptProgram::Load(*OpenArchive(folder / "m.pt"), nullptr, {}),
      StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ProgramTest, ATensorDefaultIsItsOwnOnEveryDevice) {
  TemporaryFolder folder;
  const std::string path = folder / "m.pt";
  Scripted(
      "def forward(self, x, y: Tensor=torch.full([4], 5.0), "
      "z: List[Tensor]=[torch.full([4], 7.0)], "
      "d: Device=torch.device('cpu')):\n"
      "    y.add_(1)\n"
      "    z[0].add_(1)\n"
      "    return x + y + z[0] + self.weight + torch.ones([4], device=d)\n")
      .save(path);
  Devices devices;
  const c10::IValue x(at::zeros({4}));
  const c10::IValue expected(at::full({4}, 16.0F));
  for (Device* device : devices.all) {
    SCOPED_TRACE(device->name());
    ServedModel model = Serve(path, *device, devices);
    ASSERT_NE(model.instance, nullptr);
    for (int run = 0; run < 2; ++run) {
      const auto result =
          model.instance->Run(ToInputs(model.program->signature(), {x}));
      ASSERT_THAT(result, IsOk());
      EXPECT_TRUE(SameBits(result->outputs()[0].value, expected)) << run;
    }
  }
}

}  // namespace
}  // namespace ferry::program_test
