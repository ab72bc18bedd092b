// Exemplar owns what a request only lent; FlattenShapes names nested tensors.

#include "server/registry/exemplar.h"

#include <array>
#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ferry {
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
  EXPECT_EQ(Exemplar::Copy(inputs, 1024), nullptr);
  EXPECT_NE(Exemplar::Copy(inputs, 1028), nullptr);
}

TEST(FlattenShapesTest, NamesEveryTensorOfAnyNesting) {
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

  std::vector<std::string> seen;
  for (const TensorShape& shape : FlattenShapes(values)) {
    seen.push_back(shape.name + " " + shape.datatype + " " +
                   std::to_string(shape.shape[0]));
  }
  EXPECT_THAT(seen, ElementsAre("x FP32 2", "boxes.0 FP32 2", "boxes.1 FP32 3",
                                "pair.count INT64 1", "pair.flag BOOL 1",
                                "options.scale FP64 1", "text BYTES 1"));
}

}  // namespace
}  // namespace ferry
