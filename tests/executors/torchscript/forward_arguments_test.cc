// Inputs by name, in any order, against a schema as text.

#include "server/executors/torchscript/forward_arguments.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include "tests/support/status_matchers.h"

namespace ferry::forward_arguments_test {
namespace {

using ::testing::HasSubstr;

class ForwardArgumentsTest : public ::testing::Test {
 protected:
  absl::Status Push(const std::vector<NamedValue>& inputs) {
    stack_.clear();
    return arguments_.Push(inputs, arguments_.Defaults(), {}, stack_);
  }
  std::string Refusal(const std::vector<NamedValue>& inputs) {
    const absl::Status status = Push(inputs);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(status.message());
  }

  const c10::InferenceMode inference_;
  const ForwardArguments arguments_{torch::jit::parseSchema(
      "forward(Any self, int a, int b, int c=7) -> int")};
  torch::jit::Stack stack_;
  const NamedValue a_{"a", {int64_t{1}}};
  const NamedValue b_{"b", {int64_t{2}}};
};

TEST_F(ForwardArgumentsTest, OrderOfInputsDoesNotMatter) {
  for (const auto& inputs : {std::vector{a_, b_}, std::vector{b_, a_}}) {
    ASSERT_THAT(Push(inputs), IsOk());
    ASSERT_EQ(stack_.size(), 3u);
    EXPECT_EQ(stack_[0].toInt(), 1);
    EXPECT_EQ(stack_[1].toInt(), 2);
    EXPECT_EQ(stack_[2].toInt(), 7);
  }
}

TEST_F(ForwardArgumentsTest, SaysWhichInputIsMissingUnknownOrDouble) {
  EXPECT_THAT(Refusal({a_}), HasSubstr("inputs: b: missing, a int"));
  EXPECT_THAT(Refusal({a_, b_, {"d", {int64_t{1}}}}),
              HasSubstr("no argument \"d\"; the model takes: a, b, c"));
  EXPECT_THAT(Refusal({a_, b_, a_}), HasSubstr("inputs: a: given twice"));
  EXPECT_THAT(Refusal({a_, {"B", {int64_t{1}}}}), HasSubstr("\"B\""));
  EXPECT_THAT(Refusal({a_, {"b", {0.5}}}), HasSubstr("inputs: b: "));
}

}  // namespace
}  // namespace ferry::forward_arguments_test
