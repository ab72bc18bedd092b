// Exemplar owns what a request only lent; InputShapes and OutputShapes name
// nested tensors.

#include "server/registry/exemplar.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ferry::exemplar_test {
namespace {

using testing::ElementsAre;

Value Floats(const std::vector<float>& floats) {
  return {TensorView{.dtype = DType::kFloat32,
                     .shape = {static_cast<int64_t>(floats.size())},
                     .bytes = std::as_bytes(std::span(floats))}};
}

const TensorView& TensorOf(const Value& value) {
  return std::get<TensorView>(value.value);
}

TEST(ExemplarTest, OutlivesTheRequestThatItCopies) {
  auto floats = std::make_unique<std::vector<float>>(std::vector{1.0F, 2.0F});
  std::shared_ptr<const Exemplar> exemplar;
  {
    const std::vector<NamedValue> inputs = {
        {.name = "x", .value = {Value::List{Floats(*floats)}}}};
    exemplar = Exemplar::Copy(inputs, 1024);
  }
  floats.reset();
  ASSERT_NE(exemplar, nullptr);
  const auto& list =
      std::get<Value::List>(exemplar->inputs().front().value.value);
  const std::array<float, 2> expected = {1.0F, 2.0F};
  const auto bytes = std::as_bytes(std::span(expected));
  EXPECT_TRUE(std::ranges::equal(TensorOf(list[0]).bytes, bytes));
}

TEST(ExemplarTest, RefusesToRememberMoreThanItsLimit) {
  const std::vector<float> floats(257);
  const std::vector<NamedValue> inputs = {
      {.name = "x", .value = Floats(floats)}};
  EXPECT_EQ(Exemplar::Copy(inputs, 1024 + sizeof(Value)), nullptr);
  EXPECT_NE(Exemplar::Copy(inputs, 1028 + sizeof(Value)), nullptr);
}

TEST(ExemplarTest, CountsWhatIsNoTensorToo) {
  const std::vector<NamedValue> text = {
      {.name = "x", .value = {std::string(1025, 'a')}}};
  EXPECT_EQ(Exemplar::Copy(text, 1024), nullptr);
  const std::vector<NamedValue> numbers = {
      {.name = "x", .value = {Value::List(1024, Value{int64_t{1}})}}};
  EXPECT_EQ(Exemplar::Copy(numbers, 1024 * sizeof(Value)), nullptr);
  EXPECT_NE(Exemplar::Copy(numbers, 2048 * sizeof(Value)), nullptr);
}

// "name datatype size size ..." of each.
std::vector<std::string> Shown(const std::vector<TensorShape>& shapes) {
  std::vector<std::string> shown;
  for (const TensorShape& shape : shapes) {
    shown.push_back(absl::StrCat(shape.name, " ", shape.datatype, " ",
                                 absl::StrJoin(shape.shape, " ")));
  }
  return shown;
}

TEST(ShapesTest, NameEveryTensorOfAnyNesting) {
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

TEST(ShapesTest, StringsComeInAsOneTensorAndGoOutAsOneEach) {
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

}  // namespace
}  // namespace ferry::exemplar_test
