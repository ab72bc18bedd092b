// What is left of forward when everything it calls is in one graph.

#include "server/executors/torchscript/forward_graph.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/runtime/interpreter.h>

#include "server/executors/torch/torch_error.h"
#include "server/executors/torchscript/checks/loop_guard.h"
#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"

namespace ferry::forward_graph_test {
namespace {

constexpr char kTraining[] = R"(
def forward(self, x):
    if self.training:
        x = torch.sin(x)
    return x + self.weight
)";

TEST(ForwardGraphTest, CallsAreInlinedAndTrainingIsFalse) {
  torch::jit::Module outer("Outer");
  outer.register_module("inner", Scripted(kTraining));
  outer.define("def forward(self, x):\n    return self.inner.forward(x)\n");
  const auto graph = FlatGraph(outer);
  EXPECT_EQ(CountNodes(*graph, "prim::CallMethod"), 0);
  EXPECT_EQ(CountNodes(*graph, "prim::If"), 0);
  torch::jit::Stack stack{outer._ivalue(), at::ones({4})};
  torch::jit::InterpreterState(torch::jit::Code(graph, "f")).run(stack);
  EXPECT_TRUE(at::equal(stack[0].toTensor(), at::full({4}, 2.0)));
}

TEST(ForwardGraphTest, AModelThatSwitchesTrainingItselfKeepsItsBranches) {
  const torch::jit::Module module = Scripted(R"(
def forward(self, x):
    self.training = not self.training
    if self.training:
        x = torch.sin(x)
    return x
)");
  EXPECT_EQ(CountNodes(*FlatGraph(module), "prim::If"), 1);
}

TEST(ForwardGraphTest, ANumberThatTracingWroteAsATensorIsANumberAgain) {
  // `x * 0.5` of an integer tensor is float32; times a float64 tensor it would
  // be float64, which the next Linear refuses.
  const torch::jit::Module module =
      Scripted("def forward(self, x):\n    return torch.mul(x, x)\n");
  torch::jit::Graph& traced = *module.get_method("forward").graph();
  for (torch::jit::Node* node : traced.nodes()) {
    if (node->kind() != c10::aten::mul) continue;
    const torch::jit::WithInsertPoint before(node);
    node->replaceInput(1, traced.insertConstant(at::scalar_tensor(
                              0.5, at::TensorOptions().dtype(at::kDouble))));
    break;
  }
  torch::jit::Stack stack{module._ivalue(), at::ones({4}, at::kLong)};
  torch::jit::InterpreterState(torch::jit::Code(FlatGraph(module), "f"))
      .run(stack);
  EXPECT_TRUE(at::equal(stack[0].toTensor(), at::full({4}, 0.5)));
  EXPECT_EQ(stack[0].toTensor().scalar_type(), at::kFloat);
}

TEST(ForwardGraphTest, TheModulesOwnGraphStaysAsItWas) {
  const torch::jit::Module module = Scripted(kTraining);
  const std::string before = module.get_method("forward").graph()->toString();
  FlatGraph(module);
  EXPECT_EQ(module.get_method("forward").graph()->toString(), before);
}

TEST(ForwardGraphTest, GuardsOfTheLoadAreGone) {
  const torch::jit::Module module = Scripted(R"(
def forward(self, x, n: int):
    while n > 0:
        n = n - 1
    return x
)");
  GuardLoops(*module._ivalue()->compilation_unit());
  EXPECT_NE(module.get_method("forward").graph()->toString().find("ferry::"),
            std::string::npos);
  EXPECT_EQ(FlatGraph(module)->toString().find("ferry::"), std::string::npos);
}

}  // namespace
}  // namespace ferry::forward_graph_test
