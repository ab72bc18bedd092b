// Loads the test models, binds them to every kind of device and runs them.
//
// Two references: the golden answers that eager PyTorch gave (equal up to
// rounding) and LibTorch's own loader on the cpu (equal bit by bit).

#include "server/executors/program.h"

#include <string>
#include <vector>

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/serialization/import.h>

#include "tests/executors/model_file.h"
#include "tests/support/status_matchers.h"

namespace ferry {
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
  const std::string base = ModelsFolder() + "/" + GetParam();
  const auto inputs = ReadValues(base + ".in.pt", 'i');
  const auto golden = ReadValues(base + ".out.pt", 'o');
  const auto reference = Reference(base + ".pt", inputs);
  Devices devices;
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
                      "sdpa", "lm_tied", "lm_tied_traced", "baked_traced",
                      "encoder_traced", "views", "identity", "nested",
                      "nested_deep", "resnet18", "resnet18_traced", "minilm",
                      "set_state"),
    [](const auto& info) { return info.param; });

}  // namespace
}  // namespace ferry
