// Binding: programs that cannot live on a device say so before they run.

#include "server/executors/torchscript/instance_module.h"

#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/custom_class.h>

#include "server/executors/torchscript/torchscript_program.h"
#include "tests/executors/model_file.h"
#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"
#include "tests/support/torch_models.h"

namespace ferry::instance_module_test {
namespace {

using ::testing::HasSubstr;

// forward(x) = a linear layer of packed, quantised weights.
void SavePacked(const std::string& path) {
  const at::Tensor weight =
      at::quantize_per_tensor(at::ones({4, 4}), 0.5, 0, at::kQInt8);
  torch::jit::Stack stack{weight, c10::IValue()};
  c10::Dispatcher::singleton()
      .findSchemaOrThrow("quantized::linear_prepack", "")
      .callBoxed(&stack);
  torch::jit::Module module("Packed");
  module.register_attribute(
      "packed",
      torch::getCustomClass(
          "__torch__.torch.classes.quantized.LinearPackedParamsBase"),
      stack[0]);
  module.define(
      "def forward(self, x):\n"
      "    return quantized.linear_dynamic(x, self.packed, False)\n",
      Names());
  module.save(path);
}

TEST(InstanceModuleTest, PackedWeightsServeOnTheCpuOnly) {
  TemporaryFolder folder;
  SavePacked(folder / "m.pt");
  Devices devices;
  const ServedModel model = Serve(folder / "m.pt", devices.cpu, devices);
  ASSERT_NE(model.instance, nullptr);
  const at::Tensor x = at::ones({2, 4});
  const auto result = model.instance->Run(
      ToInputs(model.program->signature(), {c10::IValue(x)}));
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(Close(result->outputs()[0].value, at::full({2, 4}, 4.0)));

  const PlacedWeights on_sim = PlaceWeights(*model.archive, *devices.sim0);
  const auto refused = model.program->Bind(*on_sim.weights, nullptr);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("packed weights (LinearPackedParamsBase)"));
}

TEST(InstanceModuleTest, BindingReadsNoWeight) {
  TemporaryFolder folder;
  SaveScaleModel(folder / "m.pt", 3);
  Devices devices;
  const auto archive = OpenArchive(folder / "m.pt");
  const auto program = TorchScriptProgram::Load(*archive, nullptr, {});
  ASSERT_THAT(program, IsOk());
  // Bound first, filled afterwards.
  const PlacedWeights weights = PlaceWeights(*archive, devices.cpu);
  std::memset(weights.weights->data(), 0, weights.weights->size_bytes());
  const auto instance = (*program)->Bind(*weights.weights, nullptr);
  ASSERT_THAT(instance, IsOk());
  const PlacedWeights filled = PlaceWeights(*archive, devices.cpu);
  std::memcpy(weights.weights->data(), filled.weights->data(),
              filled.weights->size_bytes());
  const at::Tensor x = at::full({1}, 2.0, at::kFloat);
  const auto result =
      (*instance)->Run(ToInputs((*program)->signature(), {c10::IValue(x)}));
  ASSERT_THAT(result, IsOk());
  EXPECT_TRUE(SameBits(result->outputs()[0].value, at::full({1}, 7.0)));
}

}  // namespace
}  // namespace ferry::instance_module_test
