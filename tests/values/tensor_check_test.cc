// Tensor checks: numbers at their borders, and the words of each refusal.

#include "server/values/tensor_check.h"

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::tensor_check_test {
namespace {

using testing::HasSubstr;

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

std::string Message(const absl::Status& status) {
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  return std::string(status.message());
}

TEST(TensorCheckTest, CountsElements) {
  EXPECT_EQ(*CountElements({}), 1u);
  EXPECT_EQ(*CountElements(std::vector<int64_t>{3}), 3u);
  EXPECT_EQ(*CountElements(std::vector<int64_t>{2, 3, 4}), 24u);
  EXPECT_EQ(*CountElements(std::vector<int64_t>{2, 0, 4}), 0u);
  EXPECT_EQ(*CountElements(std::vector<int64_t>{kMax}), uint64_t{kMax});
}

TEST(TensorCheckTest, RefusesNegativeSizes) {
  EXPECT_EQ(Message(CountElements(std::vector<int64_t>{2, -1}).status()),
            "shape [2, -1] has the negative size -1");
  // Not hidden by an empty dimension.
  EXPECT_THAT(CountElements(std::vector<int64_t>{0, -1}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(TensorCheckTest, RefusesMoreElementsThanCanBeCounted) {
  EXPECT_THAT(Message(CountElements(std::vector<int64_t>{kMax, 2}).status()),
              HasSubstr("more elements than 64 bits can count"));
  // LibTorch multiplies the strides of an empty tensor too.
  EXPECT_THAT(CountElements(std::vector<int64_t>{0, kMax, kMax}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CountElements(std::vector<int64_t>{kMax, kMax, 0}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(TensorCheckTest, RefusesMoreDimensionsThanTheLimit) {
  EXPECT_THAT(CountElements(std::vector<int64_t>(kRankMax, 1)), IsOk());
  EXPECT_EQ(
      Message(CountElements(std::vector<int64_t>(kRankMax + 1, 1)).status()),
      "shape has 65 dimensions, more than the 64 there may be");
}

absl::Status Check(DType dtype, std::vector<int64_t> shape,
                   std::span<const std::byte> bytes) {
  return CheckTensor(
      {.dtype = dtype, .shape = std::move(shape), .bytes = bytes},
      TorchName(dtype));
}

TEST(TensorCheckTest, ComparesBytesWithTheShape) {
  const std::vector<std::byte> bytes(25);
  const std::span<const std::byte> some = bytes;
  EXPECT_THAT(Check(DType::kFloat32, {2, 3}, some.first(24)), IsOk());
  EXPECT_EQ(Message(Check(DType::kFloat32, {2, 3}, some.first(23))),
            "shape [2, 3] of float32 takes 24 bytes, got 23");
  EXPECT_EQ(Message(Check(DType::kFloat32, {2, 3}, some)),
            "shape [2, 3] of float32 takes 24 bytes, got 25");
  EXPECT_EQ(Message(Check(DType::kInt8, {}, {})),
            "shape [] of int8 takes 1 bytes, got 0");
  EXPECT_THAT(Check(DType::kInt8, {0}, {}), IsOk());
}

TEST(TensorCheckTest, RefusesMoreBytesThanCanBeCounted) {
  // Eight times this is 8 modulo 2^64.
  const std::vector<std::byte> bytes(8);
  EXPECT_THAT(Message(Check(DType::kFloat64, {(int64_t{1} << 61) + 1}, bytes)),
              HasSubstr("more bytes than 64 bits can count"));
}

TEST(TensorCheckTest, ABoolIsZeroOrOne) {
  std::vector<std::byte> bytes(9, std::byte{1});
  bytes[3] = std::byte{0};
  EXPECT_THAT(Check(DType::kBool, {0}, {}), IsOk());
  EXPECT_THAT(Check(DType::kBool, {9}, bytes), IsOk());
  bytes[7] = std::byte{2};
  EXPECT_EQ(Message(Check(DType::kBool, {9}, bytes)),
            "a bool is 0 or 1, element 7 is 2");
  EXPECT_THAT(Check(DType::kUint8, {9}, bytes), IsOk());
}

}  // namespace
}  // namespace ferry::tensor_check_test
