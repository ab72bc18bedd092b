// Loops that never end by themselves, and what ends them.

#include "server/executors/torchscript/checks/loop_guard.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "server/base/worker.h"
#include "server/executors/torch/stop_scope.h"
#include "tests/executors/scripted.h"

namespace ferry::loop_guard_test {
namespace {

constexpr char kEndless[] = R"(
def forward(self, x):
    n = 1
    while n >= 0:
        m = 0
        while m < 10:
            m = m + 1
        n = (n + m) % 1000
    return x
)";

TEST(LoopGuardTest, EndsAnEndlessLoop) {
  torch::jit::Module module = Scripted(kEndless);
  GuardLoops(*module._ivalue()->compilation_unit());
  std::stop_source stop;
  bool threw = false;
  const Worker worker("loop", [&] {
    const StopScope scope(stop.get_token());
    try {
      module.forward({at::ones({1})});
    } catch (const std::exception&) {
      threw = true;
    }
    EXPECT_TRUE(threw);
  });
  stop.request_stop();
}

TEST(LoopGuardTest, GuardsEachLoopOnce) {
  torch::jit::Module module = Scripted(kEndless);
  const auto& unit = *module._ivalue()->compilation_unit();
  GuardLoops(unit);
  const auto graph = module.get_method("forward").graph();
  const std::string once = graph->toString();
  GuardLoops(unit);
  EXPECT_EQ(graph->toString(), once);
  RemoveGuards(*graph);
  EXPECT_EQ(graph->toString().find("ferry::check_stop"), std::string::npos);
}

TEST(LoopGuardTest, OutsideAScopeNothingStops) {
  torch::jit::Module module = Scripted(
      "def forward(self, x):\n"
      "    for i in range(3):\n"
      "        x = x + 1\n"
      "    return x\n");
  GuardLoops(*module._ivalue()->compilation_unit());
  EXPECT_EQ(module.forward({at::ones({1})}).toTensor().item<float>(), 4);
}

}  // namespace
}  // namespace ferry::loop_guard_test
