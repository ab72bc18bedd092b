// Exemplar owns what a request only lent.

#include "server/registry/exemplar.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace ferry::exemplar_test {
namespace {

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

}  // namespace
}  // namespace ferry::exemplar_test
