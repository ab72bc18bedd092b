// Runs: what they refuse, what they leave alone, and state that moves along.

#include "server/executors/torchscript/torchscript_instance.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/serialization/import.h>

#include "absl/strings/str_cat.h"

#include "server/base/crc32.h"
#include "server/base/worker.h"
#include "server/executors/torchscript/torchscript_program.h"
#include "tests/executors/model_file.h"
#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"
#include "tests/support/torch_models.h"

namespace ferry::instance_test {
namespace {

using ::testing::HasSubstr;

alignas(16) constexpr std::array<float, 4> kOnes{1, 1, 1, 1};

NamedValue Floats(std::string name, const std::array<float, 4>& numbers) {
  return {std::move(name),
          {TensorView{.dtype = DType::kFloat32,
                      .shape = {4},
                      .bytes = std::as_bytes(std::span(numbers))}}};
}

std::vector<float> FloatsOf(const RunResult& result) {
  const auto& view = std::get<TensorView>(result.outputs()[0].value.value);
  const auto* begin = reinterpret_cast<const float*>(view.bytes.data());
  return {begin, begin + view.bytes.size() / 4};
}

class InstanceTest : public ::testing::Test {
 protected:
  ServedModel ServeSource(const std::string& source, Device& device) {
    const std::string path = folder_ / absl::StrCat("m", ++files_);
    Scripted(source).save(path);
    return Serve(path, device, devices_);
  }

  Devices devices_;
  TemporaryFolder folder_;
  int files_ = 0;
};

TEST_F(InstanceTest, AForwardThatThrowsIsInternalWithItsSentence) {
  SKIP_WITHOUT_MODELS();
  for (Device* device : devices_.all) {
    const ServedModel model =
        Serve(ModelsFolder() + "/throwing.pt", *device, devices_);
    constexpr std::array<float, 4> kMinus{-1, -1, -1, -1};
    const auto result = model.instance->Run({{Floats("x", kMinus)}});
    EXPECT_THAT(result, StatusIs(absl::StatusCode::kInternal));
    EXPECT_EQ(result.status().message(),
              "forward threw: the input is negative");
    EXPECT_THAT(model.instance->Run({{Floats("x", kOnes)}}), IsOk());
  }
}

TEST_F(InstanceTest, WrongInputsAreRefusedBeforeForward) {
  const ServedModel model = ServeSource(
      "def forward(self, x):\n    return x + self.weight\n", devices_.cpu);
  EXPECT_THAT(model.instance->Run({}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(model.instance->Run({{Floats("y", kOnes)}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(InstanceTest, NaNsAndInfinitiesAreServedAsTheyAre) {
  SKIP_WITHOUT_MODELS();
  const auto inputs = ReadValues(ModelsFolder() + "/identity.in.pt", 'i');
  for (Device* device : devices_.all) {
    const ServedModel model =
        Serve(ModelsFolder() + "/identity.pt", *device, devices_);
    const auto result =
        model.instance->Run(ToInputs(model.program->signature(), inputs));
    ASSERT_THAT(result, IsOk());
    EXPECT_TRUE(SameBits(result->outputs()[0].value, inputs[0]));
  }
}

TEST_F(InstanceTest, TensorsWithoutElementsAreServed) {
  SKIP_WITHOUT_MODELS();
  for (Device* device : devices_.all) {
    const ServedModel model =
        Serve(ModelsFolder() + "/mlp.pt", *device, devices_);
    const auto result = model.instance->Run(
        {{{model.program->signature().inputs[0].name,
           {TensorView{
               .dtype = DType::kFloat32, .shape = {0, 64}, .bytes = {}}}}}});
    ASSERT_THAT(result, IsOk());
    const auto& view = std::get<TensorView>(result->outputs()[0].value.value);
    EXPECT_EQ(view.shape, (std::vector<int64_t>{0, 10}));
  }
}

TEST_F(InstanceTest, AWeightThatAnOperatorGivesBackIsWrittenToAsACopy) {
  for (Device* device : devices_.all) {
    const ServedModel model = ServeSource(
        "def forward(self, x):\n"
        "    y = self.weight.type_as(x)\n"
        "    y.add_(x)\n"
        "    return y\n",
        *device);
    const WeightSet& weights =
        device == &devices_.cpu ? *model.host.weights : *model.placed.weights;
    const uint64_t before =
        *device->HashOf(weights.data(), weights.size_bytes());
    // As in eager mode, where the weight itself would grow.
    for (const float expected : {2.0F, 3.0F, 4.0F}) {
      const auto result = model.instance->Run({{Floats("x", kOnes)}});
      ASSERT_THAT(result, IsOk());
      EXPECT_EQ(FloatsOf(*result)[0], expected);
    }
    EXPECT_TRUE(model.program->stateful());
    EXPECT_EQ(*device->HashOf(weights.data(), weights.size_bytes()), before);
  }
}

TEST_F(InstanceTest, ADivisionThatAClientChoosesIsRefusedByName) {
  for (Device* device : devices_.all) {
    const ServedModel model = ServeSource(
        "def forward(self, x, n: int):\n"
        "    return x + 7 % n + 7 // n\n",
        *device);
    const auto run = [&](int64_t n) {
      return model.instance
          ->Run({{Floats("x", kOnes), NamedValue{"n", Value{n}}}})
          .status();
    };
    EXPECT_THAT(run(2), IsOk());
    EXPECT_THAT(run(0), StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(std::string(run(0).message()),
              "operator aten::remainder: division by zero");
    EXPECT_THAT(run(2), IsOk());
  }
}

TEST_F(InstanceTest, AnAnswerThatIsAPartOfTheRequestIsNotCopied) {
  const ServedModel model =
      ServeSource("def forward(self, x):\n    return x[1:]\n", devices_.cpu);
  alignas(16) const auto request = kOnes;
  const auto result = model.instance->Run({{Floats("x", request)}});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(FloatsOf(*result), (std::vector<float>{1, 1, 1}));
  const auto& view = std::get<TensorView>(result->outputs()[0].value.value);
  EXPECT_EQ(view.bytes.data(),
            reinterpret_cast<const std::byte*>(request.data() + 1));
}

TEST_F(InstanceTest, AnswersAreTheSameBitsWhereverTheRequestLies) {
  constexpr int64_t kRows = 5;
  constexpr int64_t kColumns = 1000;
  at::manual_seed(1);
  const at::Tensor x = at::randn({kRows, kColumns});
  alignas(64) std::array<std::byte, kRows * kColumns * 4 + 64> memory{};
  std::vector<std::byte> first;
  for (Device* device : devices_.all) {
    const ServedModel model =
        ServeSource("def forward(self, x):\n    return x @ x.t()\n", *device);
    for (size_t shift = 0; shift < 64; shift += 4) {
      const std::span request =
          std::span(memory).subspan(shift, kRows * kColumns * 4);
      memcpy(request.data(), x.const_data_ptr(), request.size());
      const auto result =
          model.instance->Run({{{"x",
                                 {TensorView{.dtype = DType::kFloat32,
                                             .shape = {kRows, kColumns},
                                             .bytes = request}}}}});
      ASSERT_THAT(result, IsOk());
      const auto& view = std::get<TensorView>(result->outputs()[0].value.value);
      if (first.empty()) first.assign(view.bytes.begin(), view.bytes.end());
      EXPECT_TRUE(std::ranges::equal(view.bytes, first))
          << device->name() << ", shifted by " << shift;
    }
  }
}

TEST_F(InstanceTest, AModelThatWritesToItsInputsGetsItsOwn) {
  const ServedModel model = ServeSource(
      "def forward(self, x):\n    return x.add_(1)\n", devices_.cpu);
  const auto request = kOnes;
  const auto result = model.instance->Run({{Floats("x", request)}});
  ASSERT_THAT(result, IsOk());
  EXPECT_EQ(FloatsOf(*result)[0], 2);
  EXPECT_EQ(request[0], 1);
  EXPECT_FALSE(model.program->stateful());
}

TEST_F(InstanceTest, AStateThatWasAnInputOutlivesItsRequest) {
  for (Device* device : devices_.all) {
    const ServedModel model = ServeSource(
        "def forward(self, x):\n"
        "    y = x + self.buffer\n"
        "    self.buffer = x\n"
        "    return y\n",
        *device);
    auto request = kOnes;
    ASSERT_THAT(model.instance->Run({{Floats("x", request)}}), IsOk());
    request.fill(100);  // Somebody else's by now.
    const auto result = model.instance->Run({{Floats("x", kOnes)}});
    ASSERT_THAT(result, IsOk());
    EXPECT_EQ(FloatsOf(*result)[0], 2) << device->name();
  }
}

TEST_F(InstanceTest, StateInABakedConstantIsCarried) {
  torch::jit::Module counter = Scripted(
      "def forward(self, x):\n"
      "    return x + self.weight.add_(1)\n");
  const auto graph =
      torch::jit::toGraphFunction(counter.get_method("forward").function())
          .graph();
  for (torch::jit::Node* node : graph->nodes()) {
    if (node->kind() != c10::prim::GetAttr) continue;
    const torch::jit::WithInsertPoint here(node);
    node->output()->replaceAllUsesWith(graph->insertConstant(at::zeros({4})));
    break;
  }
  const std::string path = folder_ / "constant.pt";
  counter.save(path);
  const ServedModel model = Serve(path, devices_.cpu, devices_);
  ASSERT_TRUE(model.program->stateful());
  const PlacedWeights on_sim = PlaceWeights(*model.archive, *devices_.sim0);
  ASSERT_THAT(model.instance->Run({{Floats("x", kOnes)}}), IsOk());
  ASSERT_THAT(model.instance->Run({{Floats("x", kOnes)}}), IsOk());

  EXPECT_GE(model.program->state_bytes(), 3 * 4 * sizeof(float));
  const auto moved = BindTo(*model.program, *on_sim.weights);
  ASSERT_THAT(moved->instance->Run({{Floats("x", kOnes)}}),
              IsOk());  // A warm-up.
  ASSERT_THAT(moved->instance->CarryStateFrom(*model.instance), IsOk());
  const auto there = moved->instance->Run({{Floats("x", kOnes)}});
  ASSERT_THAT(there, IsOk());
  EXPECT_EQ(FloatsOf(*there)[0], 1 + 3);

  const auto back = BindTo(*model.program, *model.host.weights);
  ASSERT_THAT(back->instance->CarryStateFrom(*moved->instance), IsOk());
  const auto here = back->instance->Run({{Floats("x", kOnes)}});
  ASSERT_THAT(here, IsOk());
  EXPECT_EQ(FloatsOf(*here)[0], 1 + 4);
}

TEST_F(InstanceTest, AStateThatCannotBeCarriedIsRefused) {
  const ServedModel model = ServeSource(
      "def forward(self, x):\n"
      "    self.buffer = torch.zeros([4], device=\"meta\")\n"
      "    return x + self.weight\n",
      devices_.cpu);
  const PlacedWeights on_sim = PlaceWeights(*model.archive, *devices_.sim0);
  ASSERT_THAT(model.instance->Run({{Floats("x", kOnes)}}), IsOk());
  const auto moved = BindTo(*model.program, *on_sim.weights);
  const absl::Status carried = moved->instance->CarryStateFrom(*model.instance);
  EXPECT_THAT(carried, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(carried.message()), HasSubstr("\"meta\""));
}

TEST_F(InstanceTest, NothingIsUnderWayAfterARunHoweverItEnded) {
  using absl::StatusCode;
  for (const auto& [source, code] : {
           std::pair{"return x + self.weight", StatusCode::kOk},
           {"assert bool(x.sum() < 0), \"no\"\n    return x",
            StatusCode::kInternal},
           {"return (x + self.weight, x.device)", StatusCode::kInternal},
       }) {
    const ServedModel model =
        ServeSource(absl::StrCat("def forward(self, x):\n    ", source, "\n"),
                    *devices_.sim0);
    const uint64_t before = SimBackend::waits();
    EXPECT_THAT(model.instance->Run({{Floats("x", kOnes)}}), StatusIs(code));
    EXPECT_EQ(SimBackend::waits(), before + 1) << source;
  }
}

TEST_F(InstanceTest, ADeviceWithoutRoomRefusesTheRunAndGoesOn) {
  const ServedModel model = ServeSource(
      "def forward(self, x):\n    return x + self.weight\n", *devices_.sim0);
  devices_.sim0->Inject({.kind = SimFault::Kind::kOutOfMemory});
  EXPECT_THAT(model.instance->Run({{Floats("x", kOnes)}}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(model.instance->Run({{Floats("x", kOnes)}}), IsOk());
  EXPECT_EQ(devices_.sim0->usage().scratch.used_bytes, 0u);
}

TEST_F(InstanceTest, MoreThanADevicesMemoryIsRefused) {
  for (Device* device : devices_.all) {
    const ServedModel model = ServeSource(
        "def forward(self, x):\n"
        "    y = torch.zeros([10000, 10000, 1000, 1000], device=x.device)\n"
        "    return y[0]\n",
        *device);
    EXPECT_THAT(model.instance->Run({{Floats("x", kOnes)}}),
                StatusIs(absl::StatusCode::kResourceExhausted))
        << device->name();
  }
}

TEST_F(InstanceTest, AFailedDeviceGivesNoAnswers) {
  const ServedModel model = ServeSource(
      "def forward(self, x):\n    return x + self.weight\n", *devices_.sim0);
  devices_.sim0->Inject({.kind = SimFault::Kind::kFailDevice});
  std::array<std::byte, 8> bytes{};
  EXPECT_FALSE(
      devices_.sim0->CopyOut(bytes, model.placed.weights->data()).ok());
  EXPECT_THAT(model.instance->Run({{Floats("x", kOnes)}}),
              StatusIs(absl::StatusCode::kInternal));
}

TEST_F(InstanceTest, ThreeDevicesServeFourThreadsAtOnce) {
  SKIP_WITHOUT_MODELS();
  const std::string base = ModelsFolder() + "/lm_tied";
  const auto inputs = ReadValues(base + ".in.pt", 'i');
  std::vector<ServedModel> replicas;
  for (Device* device : devices_.all) {
    replicas.push_back(Serve(base + ".pt", *device, devices_));
  }
  const auto named = ToInputs(replicas[0].program->signature(), inputs);
  const auto expected = replicas[0].instance->Run(named);
  ASSERT_THAT(expected, IsOk());
  const auto& want = std::get<TensorView>(expected->outputs()[0].value.value);
  std::atomic<int> wrong{0};
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (size_t t = 0; t < 4; ++t) {
      workers.push_back(std::make_unique<Worker>("run", [&, t] {
        for (size_t i = 0; i < 20; ++i) {
          const auto result = replicas[(t + i) % 3].instance->Run(named);
          if (!result.ok()) {
            ++wrong;
            continue;
          }
          const auto& got =
              std::get<TensorView>(result->outputs()[0].value.value);
          wrong += !std::ranges::equal(got.bytes, want.bytes);
        }
      }));
    }
  }
  EXPECT_EQ(wrong, 0);
}

TEST_F(InstanceTest, AStatefulModelTakesOneRequestAtATime) {
  SKIP_WITHOUT_MODELS();
  const ServedModel model =
      Serve(ModelsFolder() + "/counter.pt", devices_.cpu, devices_);
  ASSERT_TRUE(model.program->stateful());
  std::array<std::vector<float>, 4> seen;
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (std::vector<float>& mine : seen) {
      workers.push_back(std::make_unique<Worker>("run", [&model, &mine] {
        for (int i = 0; i < 10; ++i) {
          mine.push_back(
              FloatsOf(*model.instance->Run({{Floats("x", kOnes)}}))[0]);
        }
      }));
    }
  }
  std::set<float> all;
  for (const auto& mine : seen) all.insert(mine.begin(), mine.end());
  EXPECT_EQ(all.size(), 40u);
  EXPECT_EQ(*all.rbegin(), 41);
}

TEST_F(InstanceTest, StateIsNeverWrittenIntoTheWeights) {
  SKIP_WITHOUT_MODELS();
  for (const char* name : {"counter", "assigner", "slice_writer"}) {
    const ServedModel model =
        Serve(ModelsFolder() + "/" + name + ".pt", devices_.cpu, devices_);
    const std::span<const std::byte> image(model.host.weights->data(),
                                           model.host.weights->size_bytes());
    const uint32_t before = Crc32(0, image);
    for (int i = 0; i < 3; ++i) {
      ASSERT_THAT(model.instance->Run({{Floats("x", kOnes)}}), IsOk());
    }
    EXPECT_EQ(Crc32(0, image), before) << name;
  }
}

class StreamTest : public ::testing::TestWithParam<std::string> {};

// NAME.stream.pt: one row of i0 a call, further arguments the same in each.
TEST_P(StreamTest, GoesOnBitEqualOverMoves) {
  SKIP_WITHOUT_MODELS();
  Devices devices;
  const std::string base = ModelsFolder() + "/" + GetParam();
  const torch::jit::Module stream = torch::jit::load(base + ".stream.pt");
  std::vector<c10::IValue> rest = ReadValues(base + ".stream.pt", 'i');
  const at::Tensor rows = rest[0].toTensor();
  const at::Tensor golden = stream.attr("o0").toTensor();
  const c10::InferenceMode inference;
  torch::jit::Module reference = torch::jit::load(base + ".pt", c10::kCPU);
  reference.eval();

  const auto archive = OpenArchive(base + ".pt");
  const PlacedWeights host = PlaceWeights(*archive, devices.cpu);
  const PlacedWeights on_sim0 = PlaceWeights(*archive, *devices.sim0);
  const PlacedWeights on_sim1 = PlaceWeights(*archive, *devices.sim1);
  const auto program =
      TorchScriptProgram::Load(*archive, host.weights.get(), {});
  ASSERT_THAT(program, IsOk());
  ASSERT_TRUE((*program)->stateful());
  const std::vector<const WeightSet*> route = {
      host.weights.get(), on_sim0.weights.get(), on_sim1.weights.get(),
      host.weights.get()};
  std::unique_ptr<BoundInstance> bound;
  for (int64_t call = 0; call < rows.size(0); ++call) {
    rest[0] = rows[call];
    const auto inputs = ToInputs((*program)->signature(), rest);
    if (call % 4 == 0) {
      auto next = BindTo(**program,
                         *route[static_cast<size_t>(call / 4) % route.size()]);
      // A warm-up leaves no trace.
      ASSERT_THAT(next->instance->Run(inputs), IsOk());
      if (call == 0) {
        const auto fresh = BindTo(**program, *host.weights);
        ASSERT_THAT(next->instance->CarryStateFrom(*fresh->instance), IsOk());
      } else {
        ASSERT_THAT(next->instance->CarryStateFrom(*bound->instance), IsOk());
      }
      bound = std::move(next);
    }
    const auto result = bound->instance->Run(inputs);
    ASSERT_THAT(result, IsOk());
    const c10::IValue expected = reference.forward(rest);
    EXPECT_TRUE(SameBits(result->outputs()[0].value, expected)) << call;
    EXPECT_TRUE(Close(result->outputs()[0].value, golden[call])) << call;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, StreamTest,
                         ::testing::Values("silero", "counter", "assigner",
                                           "slice_writer"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace ferry::instance_test
