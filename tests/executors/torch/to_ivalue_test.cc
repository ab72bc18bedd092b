// Values of every kind against types of every kind, by the text of the type.

#include "server/executors/torch/to_ivalue.h"

#include <array>
#include <string>

#include <ATen/core/List.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/script_type_parser.h>

#include "tests/support/status_matchers.h"

namespace ferry::to_ivalue_test {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<c10::IValue> Convert(const Value& value,
                                    const std::string& type) {
  const c10::InferenceMode inference;
  return ToIValue(value, torch::jit::ScriptTypeParser().parseType(type), "x",
                  {});
}

std::string Refusal(const Value& value, const std::string& type) {
  const auto made = Convert(value, type);
  EXPECT_THAT(made, StatusIs(absl::StatusCode::kInvalidArgument));
  return std::string(made.status().message());
}

template <typename T, size_t N>
Value Tensor(DType dtype, std::vector<int64_t> shape,
             const std::array<T, N>& numbers) {
  return {TensorView{.dtype = dtype,
                     .shape = std::move(shape),
                     .bytes = std::as_bytes(std::span(numbers))}};
}

alignas(8) constexpr std::array<float, 2> kFloats{0.5, 2};
alignas(8) constexpr std::array<int64_t, 3> kInts{5, 6, 7};
alignas(8) constexpr std::array<uint8_t, 1> kTrue{1};

TEST(ToIValueTest, TakesPlainValues) {
  EXPECT_EQ(Convert({int64_t{7}}, "int")->toInt(), 7);
  EXPECT_EQ(Convert({0.5}, "float")->toDouble(), 0.5);
  EXPECT_EQ(Convert({int64_t{7}}, "float")->toDouble(), 7.0);
  EXPECT_TRUE(Convert({true}, "bool")->toBool());
  EXPECT_EQ(Convert({std::string("a")}, "str")->toStringRef(), "a");
  EXPECT_TRUE(Convert({None{}}, "Optional[int]")->isNone());
  EXPECT_EQ(Convert({int64_t{7}}, "Optional[int]")->toInt(), 7);
  EXPECT_EQ(Convert({int64_t{7}}, "number")->toInt(), 7);
}

TEST(ToIValueTest, NeverNarrowsANumber) {
  EXPECT_THAT(Refusal({0.5}, "int"),
              HasSubstr("inputs: x: the model takes int, got a float"));
  EXPECT_THAT(Refusal({true}, "int"), HasSubstr("got a bool"));
  EXPECT_THAT(Refusal({int64_t{1}}, "bool"), HasSubstr("got an int"));
  EXPECT_THAT(Refusal({None{}}, "int"), HasSubstr("got None"));
}

TEST(ToIValueTest, ATensorOfOneElementWillDoForANumber) {
  alignas(8) static constexpr std::array<float, 1> kHalf{0.5};
  alignas(8) static constexpr std::array<int64_t, 1> kFive{5};
  const Value half = Tensor(DType::kFloat32, {1, 1}, kHalf);
  const Value five = Tensor(DType::kInt64, {}, kFive);
  EXPECT_EQ(Convert(half, "float")->toDouble(), 0.5);
  EXPECT_EQ(Convert(five, "int")->toInt(), 5);
  EXPECT_EQ(Convert(five, "float")->toDouble(), 5.0);
  EXPECT_TRUE(Convert(Tensor(DType::kBool, {1}, kTrue), "bool")->toBool());
  EXPECT_THAT(Refusal(half, "int"),
              HasSubstr("got a float32 tensor of shape [1, 1]"));
  EXPECT_THAT(Refusal(Tensor(DType::kInt64, {3}, kInts), "int"),
              HasSubstr("shape [3]"));
}

TEST(ToIValueTest, ATensorOfOneDimensionWillDoForAListOfNumbers) {
  const Value ints = Tensor(DType::kInt64, {3}, kInts);
  EXPECT_EQ(Convert(ints, "List[int]")->toIntVector(),
            (std::vector<int64_t>{5, 6, 7}));
  EXPECT_EQ(Convert(ints, "List[float]")->toDoubleVector(),
            (std::vector<double>{5, 6, 7}));
  EXPECT_EQ(Convert(Tensor(DType::kBool, {1}, kTrue), "List[bool]")
                ->toBoolList()
                .size(),
            1u);
  EXPECT_THAT(Refusal(Tensor(DType::kFloat32, {2}, kFloats), "List[int]"),
              HasSubstr("List[int]"));
  EXPECT_THAT(Refusal(Tensor(DType::kInt64, {3, 1}, kInts), "List[int]"),
              HasSubstr("shape [3, 1]"));
  EXPECT_THAT(Refusal(ints, "List[Tensor]"), HasSubstr("List[Tensor]"));
}

TEST(ToIValueTest, AListOfOneStringWillDoForAString) {
  EXPECT_EQ(Convert({Value::List{{std::string("a")}}}, "str")->toStringRef(),
            "a");
  EXPECT_THAT(
      Refusal({Value::List{{std::string("a")}, {std::string("b")}}}, "str"),
      HasSubstr("got a list of 2"));
}

TEST(ToIValueTest, TakesNestingOfAnyDepth) {
  const Value tensor = Tensor(DType::kFloat32, {2}, kFloats);
  const Value item{Value::Dict{
      {"a", {Value::Tuple{{tensor, {Value::List{{int64_t{1}}}}}, {}}}}}};
  const auto made = Convert({Value::List{item, item}},
                            "List[Dict[str, Tuple[Tensor, List[int]]]]");
  ASSERT_THAT(made, IsOk());
  const c10::IValue second = made->toListRef()[1];
  const c10::IValue pair = second.toGenericDict().at("a");
  EXPECT_EQ(pair.toTupleRef().elements()[0].toTensor()[1].item<float>(), 2);
  EXPECT_EQ(pair.toTupleRef().elements()[1].toIntVector()[0], 1);
}

TEST(ToIValueTest, KeysOfADictAreOfItsType) {
  const Value::Dict numbers{{"3", {true}}};
  EXPECT_TRUE(Convert({numbers}, "Dict[int, bool]")
                  ->toGenericDict()
                  .at(int64_t{3})
                  .toBool());
  EXPECT_TRUE(Convert({numbers}, "Dict[float, bool]")
                  ->toGenericDict()
                  .at(3.0)
                  .toBool());
  EXPECT_TRUE(Convert({Value::Dict{{"true", {true}}}}, "Dict[bool, bool]")
                  ->toGenericDict()
                  .at(true)
                  .toBool());
  EXPECT_THAT(Refusal({Value::Dict{{"a", {true}}}}, "Dict[int, bool]"),
              HasSubstr("inputs: x[\"a\"]: the key is not a int"));
  EXPECT_THAT(
      Refusal({Value::Dict{{"a", {true}}, {"a", {true}}}}, "Dict[str, bool]"),
      HasSubstr("twice"));
}

TEST(ToIValueTest, AnErrorNamesThePlace) {
  const Value tensor = Tensor(DType::kFloat32, {2}, kFloats);
  EXPECT_THAT(
      Refusal({Value::List{tensor, tensor, {int64_t{1}}}}, "List[Tensor]"),
      HasSubstr("inputs: x[2]: the model takes Tensor, got an int"));
  EXPECT_THAT(Refusal({Value::Dict{{"a", {Value::Tuple{{{true}}, {}}}}}},
                      "Dict[str, Tuple[int]]"),
              HasSubstr("inputs: x[\"a\"][0]: "));
}

TEST(ToIValueTest, ATupleHasAsManyElementsAsItsType) {
  const Value three{Value::List{{int64_t{1}}, {int64_t{2}}, {int64_t{3}}}};
  EXPECT_THAT(Refusal(three, "Tuple[int, int]"), HasSubstr("list of 3"));
  EXPECT_THAT(Convert(three, "Tuple[int, int, int]"), IsOk());
}

TEST(ToIValueTest, ANamedTupleIsMadeByNameOrByPlace) {
  const auto type = c10::TupleType::createNamed(
      c10::QualifiedName("__torch__.Box"),
      std::vector<std::string>{"left", "right"},
      std::vector<c10::TypePtr>{c10::IntType::get(), c10::IntType::get()});
  const c10::InferenceMode inference;
  const auto named =
      ToIValue({Value::Dict{{"right", {int64_t{2}}}, {"left", {int64_t{1}}}}},
               type, "x", {});
  ASSERT_THAT(named, IsOk());
  EXPECT_EQ(named->toTupleRef().elements()[0].toInt(), 1);
  const auto placed =
      ToIValue({Value::Tuple{{{int64_t{1}}, {int64_t{2}}}, {}}}, type, "x", {});
  ASSERT_THAT(placed, IsOk());
  EXPECT_EQ(placed->toTupleRef().elements()[1].toInt(), 2);
  // Its elements have the names of its fields either way.
  const auto wrong =
      ToIValue({Value::Tuple{{{int64_t{1}}, {true}}, {}}}, type, "x", {});
  EXPECT_THAT(std::string(wrong.status().message()),
              HasSubstr("inputs: x.right: "));
  const auto missing =
      ToIValue({Value::Dict{{"right", {int64_t{2}}}, {"wrong", {int64_t{1}}}}},
               type, "x", {});
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("x.left: missing"));
}

TEST(ToIValueTest, TypesThatNoRequestCanCarryAreSaid) {
  EXPECT_THAT(Refusal({std::string("cpu")}, "Device"),
              HasSubstr("no request can carry"));
  EXPECT_THAT(Refusal({Value::List{}}, "Any"),
              HasSubstr("no request can carry"));
  EXPECT_EQ(Convert({int64_t{3}}, "Any")->toInt(), 3);
  EXPECT_EQ(Convert({std::string("a")}, "Union[int, str]")->toStringRef(), "a");
}

}  // namespace
}  // namespace ferry::to_ivalue_test
