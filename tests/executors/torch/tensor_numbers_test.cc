// One number of each dtype, at an address that is not aligned.

#include "server/executors/torch/tensor_numbers.h"

#include <array>
#include <cstring>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>
#include <gtest/gtest.h>

namespace ferry::tensor_numbers_test {
namespace {

// `value` as the second element of a tensor, one byte off any alignment.
template <typename T>
std::optional<TensorNumber> Read(DType dtype, T value) {
  std::array<std::byte, 2 * sizeof(T) + 1> memory{};
  std::memcpy(memory.data() + 1 + sizeof(T), &value, sizeof(T));
  return NumberAt(
      {.dtype = dtype, .shape = {2}, .bytes = std::span(memory).subspan(1)}, 1);
}

TEST(TensorNumbersTest, IntegersKeepTheirValue) {
  EXPECT_EQ(Read<int64_t>(DType::kInt64, INT64_MIN), TensorNumber(INT64_MIN));
  EXPECT_EQ(Read<int8_t>(DType::kInt8, -3), TensorNumber(int64_t{-3}));
  EXPECT_EQ(Read<int16_t>(DType::kInt16, -3), TensorNumber(int64_t{-3}));
  EXPECT_EQ(Read<int32_t>(DType::kInt32, -3), TensorNumber(int64_t{-3}));
  EXPECT_EQ(Read<uint8_t>(DType::kUint8, 200), TensorNumber(int64_t{200}));
  EXPECT_EQ(Read<uint16_t>(DType::kUint16, 65535),
            TensorNumber(int64_t{65535}));
  EXPECT_EQ(Read<uint32_t>(DType::kUint32, 4000000000u),
            TensorNumber(int64_t{4000000000}));
}

TEST(TensorNumbersTest, AnUnsignedNumberThatNoIntHoldsIsNothing) {
  EXPECT_EQ(Read<uint64_t>(DType::kUint64, 7), TensorNumber(int64_t{7}));
  EXPECT_EQ(Read<uint64_t>(DType::kUint64, uint64_t{1} << 63), std::nullopt);
}

TEST(TensorNumbersTest, FloatsBecomeDoublesAndBoolsStayBools) {
  EXPECT_EQ(Read<float>(DType::kFloat32, 0.5f), TensorNumber(0.5));
  EXPECT_EQ(Read<double>(DType::kFloat64, -0.5), TensorNumber(-0.5));
  EXPECT_EQ(Read<c10::Half>(DType::kFloat16, 1.5), TensorNumber(1.5));
  EXPECT_EQ(Read<c10::BFloat16>(DType::kBfloat16, 2.5), TensorNumber(2.5));
  EXPECT_EQ(Read<uint8_t>(DType::kBool, 1), TensorNumber(true));
}

TEST(TensorNumbersTest, ComplexNumbersAreNotPlain) {
  EXPECT_EQ((Read<std::array<float, 2>>(DType::kComplex64, {1, 2})),
            std::nullopt);
}

TEST(TensorNumbersDeathTest, AnElementThatIsNotThereIsABug) {
  const std::array<std::byte, 4> bytes{};
  EXPECT_DEATH((void)NumberAt(
                   {.dtype = DType::kFloat32, .shape = {1}, .bytes = bytes}, 1),
               "INVARIANT");
}

}  // namespace
}  // namespace ferry::tensor_numbers_test
