// InputShapes and OutputShapes name nested tensors, and no more than some.

#include "server/values/tensor_shapes.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ferry::tensor_shapes_test {
namespace {

using testing::ElementsAre;

Value Floats(const std::vector<float>& floats) {
  return {TensorView{.dtype = DType::kFloat32,
                     .shape = {static_cast<int64_t>(floats.size())},
                     .bytes = std::as_bytes(std::span(floats))}};
}

// "name datatype size size ..." of each.
std::vector<std::string> Shown(const std::vector<TensorSpec>& shapes) {
  std::vector<std::string> shown;
  for (const TensorSpec& shape : shapes) {
    shown.push_back(absl::StrCat(
        shape.name, " ", shape.datatype, " ", absl::StrJoin(shape.shape, " "),
        shape.list_size == 0 ? "" : absl::StrCat(" of ", shape.list_size)));
  }
  return shown;
}

TEST(TensorShapesTest, NameEveryTensorOfAnyNesting) {
  const std::vector<float> two(2);
  const std::vector<float> three(3);
  Value::Dict options;
  options.push_back({.key = "scale", .value = {2.0}});
  options.push_back({.key = "none", .value = {None{}}});
  const std::vector<NamedValue> values = {
      {.name = "x", .value = Floats(two)},
      {.name = "boxes", .value = {Value::List{Floats(two), Floats(three)}}},
      {.name = "pair",
       .value = {Value::Tuple{.elements = {{int64_t{1}}, {true}},
                              .names = {"count", "flag"}}}},
      {.name = "options", .value = {options}},
      {.name = "text", .value = {std::string("hello")}}};

  const auto expected = ElementsAre(
      "x FP32 2", "boxes.0 FP32 2", "boxes.1 FP32 3", "pair.count INT64 1",
      "pair.flag BOOL 1", "options.scale FP64 1", "text BYTES 1");
  EXPECT_THAT(Shown(InputShapes(values)), expected);
  EXPECT_THAT(Shown(OutputShapes(values)), expected);
}

TEST(TensorShapesTest, StringsComeInAsOneTensorAndGoOutAsOneEach) {
  const Value a{std::string("a")};
  const Value pair{Value::List{a, a}};
  const Value one{Value::List{a}};
  const std::vector<NamedValue> values = {
      {.name = "one", .value = one},
      {.name = "square", .value = {Value::List{pair, pair}}},
      {.name = "ragged", .value = {Value::List{pair, one}}},
      {.name = "mixed", .value = {Value::List{a, {true}}}},
      {.name = "none", .value = {Value::List{}}}};
  EXPECT_THAT(
      Shown(InputShapes(values)),
      ElementsAre("one BYTES 1", "square BYTES 2 2", "ragged.0 BYTES 2",
                  "ragged.1 BYTES 1", "mixed.0 BYTES 1", "mixed.1 BOOL 1"));
  EXPECT_THAT(
      Shown(OutputShapes({values.data(), 2})),
      ElementsAre("one.0 BYTES 1", "square.0.0 BYTES 1", "square.0.1 BYTES 1",
                  "square.1.0 BYTES 1", "square.1.1 BYTES 1"));
}

TEST(TensorShapesTest, ALongListIsItsFirstElement) {
  const std::vector<float> two(2);
  const Value::List million(1'000'000, Value{int64_t{1}});
  const std::vector<NamedValue> values = {
      {.name = "first", .value = Floats(two)},
      {.name = "long", .value = {million}},
      {.name = "last", .value = {true}}};
  const auto expected =
      ElementsAre("first FP32 2", "long.0 INT64 1 of 1000000", "last BOOL 1");
  EXPECT_THAT(Shown(InputShapes(values)), expected);
  EXPECT_THAT(Shown(OutputShapes(values)), expected);
}

TEST(TensorShapesTest, ALongListOfListsSaysHowManyTensorsThereAre) {
  const Value pair{Value::List{{int64_t{1}}, {0.5}}};
  const std::vector<NamedValue> values = {
      {.name = "x", .value = {Value::List(1000, pair)}},
      {.name = "y",
       .value = {Value::List(30, Value{Value::List(40, Value{true})})}}};
  EXPECT_THAT(Shown(InputShapes(values)).front(), "x.0.0 INT64 1 of 1000");
  EXPECT_EQ(InputShapes(values).size(), 2 + 40);
  EXPECT_EQ(InputShapes(values).back().name, "y.0.39");
  EXPECT_EQ(InputShapes(values).back().list_size, 30);
}

TEST(TensorShapesTest, ADictsEntriesAreLeftOutWhereThereAreTooMany) {
  Value::Dict dict;
  for (int i = 0; i < 1000; ++i) dict.push_back({absl::StrCat(i), {true}});
  dict.push_back({std::string(1 << 20, 'k'), {true}});
  const std::vector<NamedValue> values = {{.name = "x", .value = {dict}}};
  EXPECT_EQ(InputShapes(values).size(), kShapesMax);
  const std::vector<NamedValue> long_name = {
      {.name = "x", .value = {Value::Dict{dict.back(), dict.front()}}}};
  EXPECT_THAT(Shown(InputShapes(long_name)), ElementsAre("x.0 BOOL 1"));
}

}  // namespace
}  // namespace ferry::tensor_shapes_test
