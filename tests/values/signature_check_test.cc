// CheckShapes: what a sidecar declares holds, any size is any size, and what it
// leaves out is not its business. ExplainThrow: whose mistake a throw was.

#include "server/values/signature_check.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/support/status_matchers.h"

namespace ferry::signature_check_test {
namespace {

using testing::HasSubstr;

const std::vector<TensorSpec> kDeclared = {
    {.name = "x", .datatype = "FP32", .shape = {-1, 2}},
    {.name = "boxes.0", .datatype = "INT64", .shape = {}}};

Value Tensor(DType dtype, std::vector<int64_t> shape) {
  return {TensorView{.dtype = dtype, .shape = std::move(shape), .bytes = {}}};
}

void ExpectRefused(const NamedValue& input, const std::string& words) {
  const absl::Status status = CheckShapes(ShapeIndex(kDeclared), {{input}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
}

TEST(SignatureCheckTest, TakesWhatFits) {
  for (const int64_t rows : {0, 1, 7}) {
    EXPECT_THAT(
        CheckShapes(ShapeIndex(kDeclared),
                    {{NamedValue{"x", Tensor(DType::kFloat32, {rows, 2})}}}),
        IsOk());
  }
  EXPECT_THAT(
      CheckShapes(
          ShapeIndex(kDeclared),
          {{NamedValue{"boxes", {Value::List{Tensor(DType::kInt64, {})}}}}}),
      IsOk());
}

TEST(SignatureCheckTest, NamesWhatDoesNotFit) {
  ExpectRefused({"x", Tensor(DType::kFloat32, {1, 3})},
                "input \"x\" is FP32 [1, 3], but the file beside the model "
                "declares FP32 [-1, 2]");
  ExpectRefused({"x", Tensor(DType::kFloat32, {2})}, "is FP32 [2]");
  ExpectRefused({"x", Tensor(DType::kInt64, {1, 2})}, "is INT64 [1, 2]");
  ExpectRefused({"boxes", {Value::List{Tensor(DType::kInt64, {1})}}},
                "\"boxes.0\" is INT64 [1]");
}

TEST(SignatureCheckTest, KnowsTheOutputsThatAModelGives) {
  const std::vector<Argument> outputs = {{.name = "boxes", .type = "Tensor"},
                                         {.name = "extra", .type = "Dict"}};
  EXPECT_THAT(CheckOutputs(outputs, {}), IsOk());
  EXPECT_THAT(CheckOutputs(outputs, {{"extra.scores", "boxes"}}), IsOk());
  const absl::Status status = CheckOutputs(outputs, {{"boxes", "scores"}});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(status.message(),
            "output \"scores\": the model gives no such output; it gives "
            "\"boxes\", \"extra\"");
}

TEST(SignatureCheckTest, LeavesTheKeysOfADictToTheAnswer) {
  const auto status = [](const char* type) {
    const std::vector<Argument> one = {{.name = "output", .type = type}};
    return CheckOutputs(one, {{"logits"}});
  };
  EXPECT_THAT(status("Dict[str, Tensor]"), IsOk());
  EXPECT_THAT(status("Any"), IsOk());
  EXPECT_THAT(status("List[Tensor]"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SignatureCheckTest, LeavesTheRestToTheProgram) {
  const std::vector<NamedValue> other = {{"y", Tensor(DType::kBool, {9})}};
  EXPECT_THAT(CheckShapes(ShapeIndex(kDeclared), other), IsOk());
  EXPECT_THAT(CheckShapes(ShapeIndex(kDeclared), {}), IsOk());
  EXPECT_THAT(CheckShapes(ShapeIndex(), other), IsOk());
}

TEST(SignatureCheckTest, InputsThatAreNotTheUsualOnesMadeForwardThrow) {
  const absl::Status thrown = absl::InternalError("forward threw: no");
  Signature signature;
  signature.input_shapes = kDeclared;
  const auto explain = [&](const std::vector<NamedValue>& inputs) {
    return ExplainThrow(signature, inputs, thrown);
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

TEST(SignatureCheckTest, WhatTheProgramNeedsExplainsAThrowBeforeAnythingRan) {
  const absl::Status thrown = absl::InternalError("forward threw: no");
  Signature signature;
  signature.inputs = {{.name = "x", .type = "Tensor", .datatype = "FP32"},
                      {.name = "xs",
                       .type = "List[Tensor]",
                       .datatype = "FP32",
                       .need = DtypeNeed::kFloating},
                      {.name = "y",
                       .type = "Tensor",
                       .datatype = "FP32",
                       .need = DtypeNeed::kPromoted}};
  const auto explain = [&](const std::vector<NamedValue>& inputs) {
    return ExplainThrow(signature, inputs, thrown);
  };
  const NamedValue y{"y", Tensor(DType::kInt64, {2})};
  EXPECT_EQ(explain({y, {"x", Tensor(DType::kFloat32, {2})}}), thrown);
  const absl::Status x = explain({y, {"x", Tensor(DType::kInt64, {2})}});
  EXPECT_THAT(x, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(x.message(),
            "input \"x\" is INT64 [2], but the model takes FP32; forward "
            "threw: no");
  const Value half = Tensor(DType::kFloat16, {2});
  EXPECT_EQ(explain({{"xs", {Value::List{half, half}}}}), thrown);
  EXPECT_THAT(
      std::string(
          explain({{"xs", {Value::List{half, Tensor(DType::kInt8, {1})}}}})
              .message()),
      HasSubstr("\"xs.1\" is INT8 [1], but the model takes FP32 or another"));
  // Of a dtype that would do, only the shape can be the reason.
  signature.input_shapes = {{.name = "y", .datatype = "FP32", .shape = {2}}};
  EXPECT_EQ(explain({y}), thrown);
  EXPECT_THAT(explain({{"y", Tensor(DType::kInt64, {3})}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SignatureCheckTest, LearnsTheProgramsDtypeBeforeTheRequests) {
  Signature loaded;
  loaded.inputs = {{.name = "x", .type = "Tensor", .datatype = "FP32"},
                   {.name = "f",
                    .type = "Tensor",
                    .datatype = "FP32",
                    .need = DtypeNeed::kFloating},
                   {.name = "n", .type = "Tensor"}};
  const std::vector<NamedValue> inputs = {{"x", Tensor(DType::kInt64, {2})},
                                          {"f", Tensor(DType::kFloat64, {2})},
                                          {"n", Tensor(DType::kInt8, {2})}};
  const Signature learned = WithLearned(loaded, inputs, inputs);
  EXPECT_EQ(learned.shape_source, ShapeSource::kLearned);
  EXPECT_EQ(learned.input_shapes[0].datatype, "FP32");
  EXPECT_EQ(learned.input_shapes[1].datatype, "FP64");
  EXPECT_EQ(learned.input_shapes[2].datatype, "INT8");
  EXPECT_EQ(learned.output_shapes[0].datatype, "INT64");
}

TEST(SignatureCheckTest, FindsAMisfitInTheTimeThatARequestTakesToRead) {
  // A thousand declared entries times a million given would not end today.
  std::vector<TensorSpec> declared;
  for (int i = 0; i < 1000; ++i) {
    declared.push_back({.name = absl::StrCat("x.", 1'000'000 - 1 - i),
                        .datatype = "INT64",
                        .shape = {1}});
  }
  Value::List list(1'000'000, Value{int64_t{1}});
  EXPECT_THAT(CheckShapes(ShapeIndex(declared), {{NamedValue{"x", {list}}}}),
              IsOk());
  list.back() = {true};
  EXPECT_THAT(CheckShapes(ShapeIndex(declared), {{NamedValue{"x", {list}}}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Value::Dict dict;
  for (int i = 0; i < 1'000'000; ++i) {
    dict.push_back({absl::StrCat(i), {int64_t{1}}});
  }
  EXPECT_THAT(CheckShapes(ShapeIndex(declared), {{NamedValue{"x", {dict}}}}),
              IsOk());
}

}  // namespace
}  // namespace ferry::signature_check_test
