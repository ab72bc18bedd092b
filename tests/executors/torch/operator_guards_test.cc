// Numbers that ended the process, in code that runs and in code that is folded.

#include "server/executors/torch/operator_guards.h"

#include <limits>
#include <tuple>
#include <vector>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/executors/torch/start_libtorch.h"
#include "server/executors/torch/torch_error.h"
#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"

namespace ferry {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kSmallestInteger = std::numeric_limits<int64_t>::min();

class OperatorGuardsTest : public ::testing::Test {
 protected:
  OperatorGuardsTest() { StartLibTorch(1); }

  // Of forward, called so.
  static absl::Status Run(const std::string& source,
                          std::vector<c10::IValue> inputs) {
    try {
      Scripted(source).forward(std::move(inputs));
    } catch (...) {
      return CurrentExceptionStatus(absl::StatusCode::kInternal, LastSentence);
    }
    return absl::OkStatus();
  }

  static void ExpectRefused(const std::string& source,
                            std::vector<c10::IValue> inputs,
                            const std::string& sentence) {
    const absl::Status status = Run(source, std::move(inputs));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_EQ(std::string(status.message()), sentence);
  }
};

TEST_F(OperatorGuardsTest, IntegersAreNotDividedByZero) {
  for (const auto& [code, name] :
       {std::pair("a // b", "floordiv"), std::pair("a % b", "remainder"),
        std::pair("divmod(a, b)[0]", "divmod")}) {
    const std::string source = absl::StrCat(
        "def forward(self, a: int, b: int):\n    return ", code, "\n");
    EXPECT_THAT(Run(source, {7, 2}), IsOk());
    ExpectRefused(source, {7, 0},
                  absl::StrCat("operator aten::", name, ": division by zero"));
    ExpectRefused(source, {kSmallestInteger, -1},
                  absl::StrCat("operator aten::", name,
                               ": the smallest integer divided by -1"));
  }
}

TEST_F(OperatorGuardsTest, NorAreTensorsOfThem) {
  const at::Tensor seven = at::tensor({7, 7}, at::kLong);
  for (const std::string code :
       {"torch.div(x, y, rounding_mode=\"trunc\")",
        "torch.div(x, y, rounding_mode=\"floor\")", "torch.floor_divide(x, y)",
        "torch.remainder(x, y)", "torch.fmod(x, y)",
        "x.div_(y, rounding_mode=\"trunc\")"}) {
    const std::string source =
        absl::StrCat("def forward(self, x, y):\n    return ", code, "\n");
    EXPECT_THAT(Run(source, {seven.clone(), seven}), IsOk());
    const absl::Status status =
        Run(source, {seven.clone(), at::zeros_like(seven)});
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(status.message()), HasSubstr("division by zero"));
  }
}

TEST_F(OperatorGuardsTest, TheSmallestIntegerIsNotTruncatedByMinusOne) {
  const std::string source =
      "def forward(self, x, y):\n"
      "    return torch.div(x, y, rounding_mode=\"trunc\")\n";
  const std::string refusal =
      "operator aten::div: the smallest integer divided by -1";
  const auto full = [](int64_t value, at::ScalarType type) {
    return at::full({33}, value, type);
  };
  const int32_t smallest32 = std::numeric_limits<int32_t>::min();
  ExpectRefused(source,
                {full(kSmallestInteger, at::kLong), full(-1, at::kLong)},
                refusal);
  ExpectRefused(source,
                {full(kSmallestInteger, at::kLong), full(-1, at::kChar)},
                refusal);
  ExpectRefused(source, {full(smallest32, at::kInt), full(-1, at::kInt)},
                refusal);
  // A tensor without dimensions takes the other's type.
  ExpectRefused(source,
                {at::scalar_tensor(smallest32, at::kLong), full(-1, at::kInt)},
                refusal);
  ExpectRefused(
      "def forward(self, x):\n"
      "    return torch.div(x, -1, rounding_mode=\"trunc\")\n",
      {full(kSmallestInteger, at::kLong)}, refusal);
  // As 64 bits it has its opposite, and narrow ones wrap.
  EXPECT_THAT(Run(source, {full(smallest32, at::kInt), full(-1, at::kLong)}),
              IsOk());
  EXPECT_THAT(Run(source, {full(-128, at::kChar), full(-1, at::kChar)}),
              IsOk());
}

TEST_F(OperatorGuardsTest, WhatIsFoldedWhenItIsCompiledIsGuardedToo) {
  // LibTorch runs such code while it reads the file.
  ExpectRefused(
      "def forward(self, x):\n"
      "    return x + 7 % (2 - 2)\n",
      {at::ones({1})}, "operator aten::remainder: division by zero");
}

TEST_F(OperatorGuardsTest, OverloadsAreChosenAsBefore) {
  const auto graph = Scripted(
                         "def forward(self, a: int, x):\n"
                         "    b = a % 3 + a // 2\n"
                         "    return b, x % 2, x // 2, 2.5 % a\n")
                         .get_method("forward")
                         .graph();
  const auto outputs = graph->outputs()[0]->node()->inputs();
  EXPECT_EQ(outputs[0]->type()->kind(), c10::TypeKind::IntType);
  EXPECT_EQ(outputs[1]->type()->kind(), c10::TypeKind::TensorType);
  EXPECT_EQ(outputs[2]->type()->kind(), c10::TypeKind::TensorType);
  EXPECT_EQ(outputs[3]->type()->kind(), c10::TypeKind::FloatType);
}

TEST_F(OperatorGuardsTest, AttentionWithoutHeadsIsRefused) {
  const std::string source =
      "def forward(self, x):\n"
      "    return torch.scaled_dot_product_attention(x, x, x)\n";
  ExpectRefused(source, {at::ones({1, 0, 4, 8})},
                "operator aten::scaled_dot_product_attention: there are no "
                "heads");
  EXPECT_THAT(Run(source, {at::ones({0, 2, 4, 8})}), IsOk());
}

TEST_F(OperatorGuardsTest, ATargetThatIsNoClassIsRefused) {
  const std::string source =
      "def forward(self, odds, targets):\n"
      "    return torch.ctc_loss(odds, targets, [5], [3], 0, 0, False)\n";
  const at::Tensor odds = at::ones({5, 1, 4});
  EXPECT_THAT(
      Run(source, {odds, at::tensor({1, 2, 1}, at::kLong).view({1, 3})}),
      IsOk());
  ExpectRefused(source,
                {odds, at::tensor({1, 2147483647, 1}, at::kLong).view({1, 3})},
                "operator aten::ctc_loss: a target is no class");
}

TEST_F(OperatorGuardsTest, BatchSizesOfNoPackedSequenceAreRefused) {
  const auto sizes = [](const std::vector<int64_t>& numbers) {
    return at::tensor(numbers, at::kLong);
  };
  // Sizes that fall and rise again: LibTorch writes in front of its lengths.
  const at::Tensor waves = sizes({64, 1, 64, 1, 64, 1, 64, 1});
  const std::string pad =
      "def forward(self, data, sizes):\n"
      "    return torch._pad_packed_sequence(data, sizes, False, 0.0, 0)\n";
  EXPECT_THAT(Run(pad, {at::ones({6, 3}), sizes({3, 2, 1})}), IsOk());
  const std::string padding = "operator aten::_pad_packed_sequence: ";
  ExpectRefused(pad, {at::ones({260, 3}), waves},
                padding + "batch sizes that rise");
  ExpectRefused(pad, {at::ones({6, 3}), sizes({})},
                padding + "there are no steps");
  ExpectRefused(pad, {at::ones({6, 3}), sizes({3, 3, 3})},
                padding + "batch sizes of more rows than there are");
  for (const auto& [name, gates, state] :
       {std::tuple("gru", 9, "h"), std::tuple("rnn_tanh", 3, "h"),
        std::tuple("rnn_relu", 3, "h"), std::tuple("lstm", 12, "[h, h]")}) {
    const std::string run = absl::StrCat(
        "def forward(self, data, sizes):\n"
        "    h = torch.zeros([1, 3, 3])\n"
        "    w = torch.ones([",
        gates, ", 3])\n    return torch.", name, "(data, sizes, ", state,
        ", [w, w], False, 1, 0.0, False, False)\n");
    EXPECT_THAT(Run(run, {at::ones({6, 3}), sizes({3, 2, 1})}), IsOk());
    ExpectRefused(
        run, {at::ones({6, 3}), sizes({})},
        absl::StrCat("operator aten::", name, ": there are no steps"));
  }
}

TEST_F(OperatorGuardsTest, APolynomialHasABoundedDegree) {
  for (const std::string name :
       {"chebyshev_polynomial_t", "chebyshev_polynomial_u",
        "chebyshev_polynomial_v", "chebyshev_polynomial_w",
        "hermite_polynomial_h", "hermite_polynomial_he",
        "laguerre_polynomial_l", "legendre_polynomial_p",
        "shifted_chebyshev_polynomial_t", "shifted_chebyshev_polynomial_u",
        "shifted_chebyshev_polynomial_v", "shifted_chebyshev_polynomial_w"}) {
    const std::string of_tensor =
        absl::StrCat("def forward(self, x, n):\n    return torch.special_",
                     name, "(x, n)\n");
    const std::string of_number =
        absl::StrCat("def forward(self, x, n: int):\n    return torch.special_",
                     name, "(x, n)\n");
    const at::Tensor x = at::full({2}, 1.5);
    const std::string refusal = absl::StrCat("operator aten::special_", name,
                                             ": a degree of more than 4096");
    EXPECT_THAT(Run(of_tensor, {x, at::full({2}, 4096)}), IsOk());
    ExpectRefused(of_tensor, {x, at::tensor({1.0, 1e15})}, refusal);
    EXPECT_THAT(Run(of_number, {x, 4096}), IsOk());
    ExpectRefused(of_number, {x, int64_t{1} << 50}, refusal);
  }
}

TEST_F(OperatorGuardsTest, AStepThatIsNoneAsAnIntegerIsRefused) {
  const std::string source =
      "def forward(self, step: float):\n"
      "    return torch.arange(0, 4, step, dtype=4)\n";
  EXPECT_THAT(Run(source, {1.0}), IsOk());
  ExpectRefused(source, {0.5},
                "operator aten::arange: a step of less than one, of integers");
}

TEST_F(OperatorGuardsTest, AListIsNotRepeatedWithoutLimit) {
  const std::string source =
      "def forward(self, n: int):\n    return len([1, 2] * n)\n";
  EXPECT_THAT(Run(source, {4}), IsOk());
  ExpectRefused(source, {int64_t{1} << 40},
                "operator aten::mul: a result of more than 2^24 elements");
}

}  // namespace
}  // namespace ferry
