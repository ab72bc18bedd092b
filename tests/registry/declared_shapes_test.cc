// CheckShapes: what a sidecar declares holds, any size is any size, and what it
// leaves out is not its business. ExplainThrow: whose mistake a throw was.

#include "server/registry/declared_shapes.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::declared_shapes_test {
namespace {

using testing::HasSubstr;

const std::vector<TensorShape> kDeclared = {
    {.name = "x", .datatype = "FP32", .shape = {-1, 2}},
    {.name = "boxes.0", .datatype = "INT64", .shape = {}}};

Value Tensor(DType dtype, std::vector<int64_t> shape) {
  return {TensorView{.dtype = dtype, .shape = std::move(shape), .bytes = {}}};
}

void ExpectRefused(const NamedValue& input, const std::string& words) {
  const absl::Status status = CheckShapes(kDeclared, {{input}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
}

TEST(DeclaredShapesTest, TakesWhatFits) {
  for (const int64_t rows : {0, 1, 7}) {
    EXPECT_THAT(
        CheckShapes(kDeclared,
                    {{NamedValue{"x", Tensor(DType::kFloat32, {rows, 2})}}}),
        IsOk());
  }
  EXPECT_THAT(
      CheckShapes(
          kDeclared,
          {{NamedValue{"boxes", {Value::List{Tensor(DType::kInt64, {})}}}}}),
      IsOk());
}

TEST(DeclaredShapesTest, NamesWhatDoesNotFit) {
  ExpectRefused({"x", Tensor(DType::kFloat32, {1, 3})},
                "input \"x\" is FP32 [1, 3], but the file beside the model "
                "declares FP32 [-1, 2]");
  ExpectRefused({"x", Tensor(DType::kFloat32, {2})}, "is FP32 [2]");
  ExpectRefused({"x", Tensor(DType::kInt64, {1, 2})}, "is INT64 [1, 2]");
  ExpectRefused({"boxes", {Value::List{Tensor(DType::kInt64, {1})}}},
                "\"boxes.0\" is INT64 [1]");
}

TEST(DeclaredShapesTest, LeavesTheRestToTheProgram) {
  const std::vector<NamedValue> other = {{"y", Tensor(DType::kBool, {9})}};
  EXPECT_THAT(CheckShapes(kDeclared, other), IsOk());
  EXPECT_THAT(CheckShapes(kDeclared, {}), IsOk());
  EXPECT_THAT(CheckShapes({}, other), IsOk());
}

TEST(DeclaredShapesTest, InputsThatAreNotTheUsualOnesMadeForwardThrow) {
  const absl::Status thrown = absl::InternalError("forward threw: no");
  const auto explain = [&](const std::vector<NamedValue>& inputs) {
    return ExplainThrow(kDeclared, inputs, thrown);
  };
  const absl::Status other = explain({{"x", Tensor(DType::kInt32, {4})}});
  EXPECT_THAT(other, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(
      other.message(),
      "input \"x\" is INT32 [4], but the model has run with FP32 [-1, 2]; "
      "forward threw: no");
  EXPECT_EQ(explain({{"x", Tensor(DType::kFloat32, {4, 2})}}), thrown);
  EXPECT_EQ(explain({{"y", Tensor(DType::kInt32, {4})}}), thrown);
  EXPECT_EQ(ExplainThrow({}, {}, thrown), thrown);
}

}  // namespace
}  // namespace ferry::declared_shapes_test
