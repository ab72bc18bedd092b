// Tensors from JSON and to it: shapes, dtypes, bounds, and that what is written
// reads back bit for bit.

#include "client/ctl/json_tensor.h"

#include <cstring>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::client::json_tensor_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

absl::StatusOr<Tensor> Read(const std::string& json,
                            std::optional<DType> dtype = std::nullopt) {
  return TensorFromJson(Json::parse(json), dtype, "x");
}

std::string Error(const std::string& json,
                  std::optional<DType> dtype = std::nullopt) {
  const auto tensor = Read(json, dtype);
  EXPECT_THAT(tensor, StatusIs(absl::StatusCode::kInvalidArgument)) << json;
  return std::string(tensor.status().message());
}

template <typename T>
std::vector<T> Elements(const Tensor& tensor) {
  std::vector<T> elements(tensor.data.size() / sizeof(T));
  std::memcpy(elements.data(), tensor.data.data(), tensor.data.size());
  return elements;
}

TEST(JsonTensorTest, NestingIsTheShape) {
  const auto tensor = Read("[[1.5, 2], [3, 4], [5, 6]]");
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->dtype, DType::kFloat32);
  EXPECT_THAT(tensor->shape, ElementsAre(3, 2));
  EXPECT_THAT(Elements<float>(*tensor), ElementsAre(1.5, 2, 3, 4, 5, 6));
  EXPECT_THAT(Read("7")->shape, IsEmpty());
  EXPECT_THAT(Read("[[], []]")->shape, ElementsAre(2, 0));
  EXPECT_THAT(Read("[]")->shape, ElementsAre(0));
}

TEST(JsonTensorTest, GuessesTheDtype) {
  EXPECT_EQ(Read("[1, 2]")->dtype, DType::kInt64);
  EXPECT_EQ(Read("[1, 2.0]")->dtype, DType::kFloat32);
  EXPECT_EQ(Read("[true, false]")->dtype, DType::kBool);
  EXPECT_EQ(Read("[]")->dtype, DType::kFloat32);
  EXPECT_EQ(Read("[1, 2]", DType::kFloat64)->dtype, DType::kFloat64);
}

TEST(JsonTensorTest, TheObjectNamesDtypeAndShape) {
  const auto tensor =
      Read(R"({"dtype": "int32", "shape": [2, 2], "data": [1, 2, 3, 4]})",
           DType::kFloat32);
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->dtype, DType::kInt32);
  EXPECT_THAT(tensor->shape, ElementsAre(2, 2));
  EXPECT_THAT(Elements<int32_t>(*tensor), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(Read(R"({"data": [[1], [2]]})")->shape, ElementsAre(2, 1));
  EXPECT_THAT(Read(R"({"shape": [0, 3], "data": []})")->shape,
              ElementsAre(0, 3));
  EXPECT_THAT(Read(R"({"shape": [], "data": [4]})")->shape, IsEmpty());
}

TEST(JsonTensorTest, RefusesWhatDoesNotFit) {
  EXPECT_THAT(Error("[[1, 2], [3]]"), HasSubstr("different sizes, 2 and 1"));
  EXPECT_THAT(Error("[1, [2]]"), HasSubstr("same depth"));
  EXPECT_THAT(Error("[[1], 2]"), HasSubstr("same depth"));
  EXPECT_THAT(Error("[[], [1]]"), HasSubstr("different sizes, 0 and 1"));
  EXPECT_THAT(Error("[null]"), HasSubstr("numbers"));
  EXPECT_THAT(Error(R"({"a": 1})"), HasSubstr("numbers"));
  EXPECT_THAT(Error(R"({"shape": [3], "data": [1, 2]})"),
              HasSubstr("has 2 elements, which do not fill the shape [3]"));
  EXPECT_THAT(Error(R"({"shape": [-2], "data": [1, 2]})"), HasSubstr("sizes"));
  EXPECT_THAT(Error(R"({"shape": 2, "data": [1, 2]})"), HasSubstr("sizes"));
  EXPECT_THAT(Error(R"({"dtype": "float", "data": [1]})"),
              HasSubstr("not one of bool"));
  EXPECT_THAT(Error(R"({"dtype": 3, "data": [1]})"), HasSubstr("dtype"));
}

TEST(JsonTensorTest, RefusesNumbersThatTheDtypeCannotHold) {
  EXPECT_EQ(Error("[256]", DType::kUint8), "input x: 256 is no uint8");
  EXPECT_THAT(Error("[-1]", DType::kUint64), HasSubstr("is no uint64"));
  EXPECT_THAT(Error("[-129]", DType::kInt8), HasSubstr("is no int8"));
  EXPECT_THAT(Error("[1.5]", DType::kInt32), HasSubstr("1.5 is no int32"));
  EXPECT_THAT(Error("[9223372036854775808]", DType::kInt64),
              HasSubstr("is no int64"));
  EXPECT_THAT(Error("[2]", DType::kBool), HasSubstr("is no bool"));
  EXPECT_THAT(Error("[true]", DType::kFloat32), HasSubstr("is no float32"));
  EXPECT_THAT(Error("[\"nan\"]", DType::kFloat32), HasSubstr("is no float32"));
  EXPECT_THAT(Read("[1, 0, true]", DType::kBool), IsOk());
  EXPECT_THAT(Read("[18446744073709551615]", DType::kUint64), IsOk());
}

TEST(JsonTensorTest, WhatIsWrittenReadsBackBitForBit) {
  // Random bytes are odd numbers of every dtype.
  std::string bytes;
  uint32_t random = 1;
  for (int i = 0; i < 4096; ++i) {
    random = random * 1664525 + 1013904223;
    bytes.push_back(static_cast<char>(random >> 24));
  }
  for (int i = 1; i <= static_cast<int>(DType::kComplex128); ++i) {
    const auto dtype = static_cast<DType>(i);
    const auto count = static_cast<int64_t>(bytes.size() / SizeBytes(dtype));
    const Tensor tensor{dtype, {count / 2, 2}, bytes};
    const Json json = TensorToJson(tensor);
    const auto back =
        TensorFromJson(Json::parse(json.dump()), std::nullopt, "x");
    ASSERT_THAT(back, IsOk());
    EXPECT_EQ(back->shape, tensor.shape);
    // Not-a-numbers lose what they carry, so they are compared as written.
    EXPECT_EQ(TensorToJson(*back), json) << TorchName(dtype);
  }
}

TEST(JsonTensorTest, WritesShortNumbers) {
  EXPECT_EQ(TensorToJson(*Read("[0.1, 16777216, -0.0]", DType::kFloat32))
                .at("data")
                .dump(),
            "[0.1,16777216.0,-0.0]");
  EXPECT_EQ(TensorToJson(*Read("[\"NaN\", \"Infinity\", \"-Infinity\"]",
                               DType::kFloat16))
                .at("data")
                .dump(),
            "[\"NaN\",\"Infinity\",\"-Infinity\"]");
  EXPECT_EQ(TensorToJson(*Read("[[1, 2]]", DType::kComplex64)).dump(),
            "{\"dtype\":\"complex64\",\"shape\":[1],\"data\":[[1.0,2.0]]}");
}

}  // namespace
}  // namespace ferry::client::json_tensor_test
