// What stops between two operators, and that nothing else changes for it.

#include "server/executors/torch/stop_scope.h"

#include <stdexcept>

#include <ATen/Functions.h>
#include <ATen/ops/lstm.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "tests/executors/scripted.h"

namespace ferry::stop_scope_test {
namespace {

// No loop of it asks by itself.
constexpr char kEndless[] = R"(
def forward(self, x):
    n = 0
    while n >= 0:
        x = x * 1.0
        n = (n + 1) % 1000
    return x
)";

TEST(StopScopeTest, EndsAProgramBetweenTwoOperators) {
  torch::jit::Module module = Scripted(kEndless);
  const StopScope scope(std::stop_token(), absl::Milliseconds(20));
  const OperatorStops stops;
  EXPECT_ANY_THROW(module.forward({at::ones({1})}));
}

TEST(StopScopeTest, ASourceThatIsAskedEndsTheNextOperator) {
  std::stop_source stop;
  const StopScope scope(stop.get_token());
  const OperatorStops stops;
  EXPECT_EQ(at::ones({1}).add(1).item<float>(), 2);
  stop.request_stop();
  EXPECT_THROW(at::ones({1}), std::runtime_error);
}

TEST(StopScopeTest, StopsNothingWithoutOperatorStopsAndNothingWithoutAScope) {
  std::stop_source stop;
  stop.request_stop();
  {
    const StopScope scope(stop.get_token());
    EXPECT_EQ(at::ones({1}).item<float>(), 1);
    EXPECT_THROW(ThrowIfStopped(), std::runtime_error);
  }
  ThrowIfStopped();
  const OperatorStops stops;
  EXPECT_EQ(at::ones({1}).item<float>(), 1);
}

TEST(StopScopeTest, TheInnermostScopeCounts) {
  std::stop_source stop;
  stop.request_stop();
  const StopScope outer(stop.get_token());
  {
    const StopScope inner{std::stop_token()};
    ThrowIfStopped();
  }
  EXPECT_THROW(ThrowIfStopped(), std::runtime_error);
}

// Operators that are made of others, in place, with several results, on views.
TEST(StopScopeTest, OperatorsAnswerTheSame) {
  const c10::InferenceMode inference;
  const auto answers = [] {
    const at::Tensor x = at::arange(24, at::kFloat).reshape({2, 3, 4}).div(7);
    const at::Tensor w = at::arange(48, at::kFloat).reshape({12, 4}).div(50);
    const at::Tensor v = at::arange(36, at::kFloat).reshape({12, 3}).div(40);
    const auto [all, hidden, cell] =
        at::lstm(x, {at::zeros({1, 3, 3}), at::zeros({1, 3, 3})}, {w, v},
                 /*has_biases=*/false, /*num_layers=*/1, /*dropout=*/0,
                 /*train=*/false, /*bidirectional=*/false,
                 /*batch_first=*/false);
    at::Tensor written = x.clone();
    written.select(0, 1).add_(x.select(0, 0)).mul_(2);
    const auto [values, order] = x.flatten().sort(/*dim=*/0, true);
    return std::vector<at::Tensor>{
        all,    hidden, at::scaled_dot_product_attention(x, x, x),
        values, order,  at::einsum("abc,dbc->ad", {x, written}),
        written};
  };
  const auto before = answers();
  const StopScope scope{std::stop_token()};
  const OperatorStops stops;
  const auto asked = answers();
  ASSERT_EQ(asked.size(), before.size());
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(asked[i].equal(before[i])) << i;
  }
}

}  // namespace
}  // namespace ferry::stop_scope_test
