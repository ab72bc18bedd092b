// JSON to values and back, by the model's signature. Tensors alone, their
// shapes and dtypes, are json_tensor_test.

#include "client/ctl/json_value.h"

#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::client::json_value_test {
namespace {

using testing::HasSubstr;

Signature WithInput(const std::string& type) {
  Signature signature;
  signature.inputs.push_back({.name = "x", .type = type, .required = true});
  return signature;
}

// The value of x, by its type.
absl::StatusOr<Value> Read(const std::string& type, const std::string& json) {
  const auto inputs =
      InputsFromJson(Json::parse("{\"x\": " + json + "}"), WithInput(type));
  if (!inputs.ok()) return inputs.status();
  return inputs->at(0).value;
}

std::string Error(const std::string& type, const std::string& json) {
  const auto value = Read(type, json);
  EXPECT_THAT(value, StatusIs(absl::StatusCode::kInvalidArgument)) << json;
  return std::string(value.status().message());
}

const Tensor& AsTensor(const absl::StatusOr<Value>& value) {
  return std::get<Tensor>(value->value);
}

TEST(JsonValueTest, TheTypeDecidesBetweenTensorAndList) {
  EXPECT_EQ(AsTensor(Read("Tensor", "[1, 2]")).dtype, DType::kInt64);
  EXPECT_EQ(*Read("List[int]", "[1, 2]"),
            (Value{Value::List{{int64_t{1}}, {int64_t{2}}}}));
  EXPECT_EQ(*Read("List[float]", "[1, 2.5]"),
            (Value{Value::List{{1.0}, {2.5}}}));
  const auto tensors = Read("List[Tensor]", "[[1.5], [[1, 2]]]");
  ASSERT_THAT(tensors, IsOk());
  EXPECT_EQ(std::get<Value::List>(tensors->value).size(), 2);
}

TEST(JsonValueTest, ReadsScalarsOptionalsTuplesAndDicts) {
  EXPECT_EQ(*Read("int", "3"), Value{int64_t{3}});
  EXPECT_EQ(*Read("float", "3"), Value{3.0});
  EXPECT_EQ(*Read("bool", "true"), Value{true});
  EXPECT_EQ(*Read("str", "\"a\""), Value{std::string("a")});
  EXPECT_EQ(*Read("Optional[int]", "null"), Value{None{}});
  EXPECT_EQ(*Read("Optional[int]", "4"), Value{int64_t{4}});
  EXPECT_EQ(*Read("Tuple[int, str]", "[1, \"b\"]"),
            (Value{Value::Tuple{{{int64_t{1}}, {std::string("b")}}, {}}}));
  EXPECT_EQ(*Read("Dict[str, int]", "{\"data\": 1, \"b\": 2}"),
            (Value{Value::Dict{{"data", {int64_t{1}}}, {"b", {int64_t{2}}}}}));
}

TEST(JsonValueTest, WithoutATypeItIsWhatItLooksLike) {
  EXPECT_EQ(*Read("Any", "3"), Value{int64_t{3}});
  EXPECT_EQ(*Read("Any", "\"3\""), Value{std::string("3")});
  EXPECT_EQ(AsTensor(Read("Any", "[[1.5], [2]]")).dtype, DType::kFloat32);
  EXPECT_EQ(*Read("Any", "[\"a\", 1]"),
            (Value{Value::List{{std::string("a")}, {int64_t{1}}}}));
  EXPECT_EQ(*Read("Any", "[]"), Value{Value::List{}});
  EXPECT_TRUE(
      std::holds_alternative<Value::Dict>(Read("Any", "{\"k\": 1}")->value));
  EXPECT_EQ(AsTensor(Read("Any", "{\"dtype\": \"int8\", \"data\": [1]}")).dtype,
            DType::kInt8);
}

TEST(JsonValueTest, TheSignatureTellsTheDtype) {
  Signature signature = WithInput("List[Tensor]");
  signature.input_shapes = {{"x.1", "FP64", {-1}}};
  const auto inputs =
      InputsFromJson(Json::parse("{\"x\": [[1], [1]]}"), signature);
  ASSERT_THAT(inputs, IsOk());
  const auto& list = std::get<Value::List>(inputs->at(0).value.value);
  EXPECT_EQ(std::get<Tensor>(list[0].value).dtype, DType::kInt64);
  EXPECT_EQ(std::get<Tensor>(list[1].value).dtype, DType::kFloat64);
}

TEST(JsonValueTest, TheProgramTellsTheDtypeWhereNoShapeIsKnown) {
  Signature signature = WithInput("List[Tensor]");
  signature.inputs[0].datatype = "FP16";
  const auto inputs =
      InputsFromJson(Json::parse("{\"x\": [[1, 2], [3]]}"), signature);
  ASSERT_THAT(inputs, IsOk());
  const auto& list = std::get<Value::List>(inputs->at(0).value.value);
  EXPECT_EQ(std::get<Tensor>(list[1].value).dtype, DType::kFloat16);
}

TEST(JsonValueTest, ADtypeThatTheNumbersDoNotFitIsTheServersToJudge) {
  Signature signature = WithInput("Tensor");
  signature.input_shapes = {{"x", "INT64", {2}}};
  const auto dtype = [&](const std::string& json) {
    const auto inputs =
        InputsFromJson(Json::parse("{\"x\": " + json + "}"), signature);
    return AsTensor(inputs->at(0).value).dtype;
  };
  EXPECT_EQ(dtype("[1, 2]"), DType::kInt64);
  EXPECT_EQ(dtype("[1.5, 2]"), DType::kFloat32);
  EXPECT_EQ(dtype("[true, false]"), DType::kBool);
}

TEST(JsonValueTest, InputsMayStandInAnObjectOfTheirOwn) {
  const Signature signature = WithInput("int");
  EXPECT_THAT(
      InputsFromJson(Json::parse("{\"inputs\": {\"x\": 1}}"), signature),
      IsOk());
  EXPECT_EQ(
      InputsFromJson(Json::parse("{\"inputs\": 1}"), signature)->at(0).name,
      "inputs");
  for (const char* json : {"[1]", "3", "null"}) {
    const auto inputs = InputsFromJson(Json::parse(json), signature);
    EXPECT_THAT(inputs, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(inputs.status().message()),
                HasSubstr("{\"x\": [[1.0, 2.0]]}"));
  }
}

TEST(JsonValueTest, NamesThePlaceOfAMistake) {
  EXPECT_EQ(Error("int", "1.5"), "input x: expected an int, not \"1.5\"");
  EXPECT_THAT(Error("List[int]", "[1, true]"), HasSubstr("input x.1: "));
  EXPECT_THAT(Error("Dict[str, List[str]]", "{\"k\": [\"a\", 1]}"),
              HasSubstr("input x.k.1: expected a string"));
  EXPECT_THAT(Error("Tuple[int, int]", "[1]"), HasSubstr("an array of 2"));
  EXPECT_THAT(Error("List[int]", "3"), HasSubstr("an array"));
  EXPECT_THAT(Error("float", "\"1\""), HasSubstr("a float"));
  EXPECT_THAT(Error("Tensor", "\"a\""), HasSubstr("is no float32"));
  EXPECT_THAT(Error("Tensor", "null"), HasSubstr("input x: "));
}

TEST(JsonValueTest, RefusesEndlessNesting) {
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_THAT(Error("Any", deep), HasSubstr("deep"));
  EXPECT_THAT(Error("Tensor", deep), HasSubstr("deep"));
}

TEST(JsonValueTest, WritesEveryKind) {
  const Value value{
      Value::Dict{{"n", {None{}}},
                  {"i", {int64_t{1}}},
                  {"f", {0.5}},
                  {"b", {true}},
                  {"l", {Value::List{{std::string("a")}}}},
                  {"t", {Value::Tuple{{{int64_t{1}}, {int64_t{2}}}, {}}}},
                  {"p", {Value::Tuple{{{int64_t{1}}}, {"field"}}}},
                  {"x", {Tensor{DType::kInt8, {1}, std::string(1, '\5')}}}}};
  EXPECT_EQ(ValueToJson(value).dump(),
            "{\"n\":null,\"i\":1,\"f\":0.5,\"b\":true,\"l\":[\"a\"],"
            "\"t\":[1,2],\"p\":{\"field\":1},"
            "\"x\":{\"dtype\":\"int8\",\"shape\":[1],\"data\":[5]}}");
}

}  // namespace
}  // namespace ferry::client::json_value_test
