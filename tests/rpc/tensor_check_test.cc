// Tensor checks: numbers at their borders, and the words of each refusal.

#include "server/rpc/tensor_check.h"

#include <cstdint>
#include <limits>
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
      "shape has 33 dimensions, more than the 32 there may be");
}

TEST(TensorCheckTest, ComparesBytesWithTheShape) {
  const std::vector<int64_t> shape = {2, 3};
  EXPECT_THAT(CheckDense("float32", 4, shape, 24), IsOk());
  EXPECT_EQ(Message(CheckDense("float32", 4, shape, 23)),
            "shape [2, 3] of float32 takes 24 bytes, got 23");
  EXPECT_EQ(Message(CheckDense("float32", 4, shape, 25)),
            "shape [2, 3] of float32 takes 24 bytes, got 25");
  EXPECT_EQ(Message(CheckDense("int8", 1, {}, 0)),
            "shape [] of int8 takes 1 bytes, got 0");
  EXPECT_THAT(CheckDense("int8", 1, std::vector<int64_t>{0}, 0), IsOk());
}

TEST(TensorCheckTest, RefusesMoreBytesThanCanBeCounted) {
  // Eight times this is 8 modulo 2^64.
  const std::vector<int64_t> shape = {(int64_t{1} << 61) + 1};
  EXPECT_THAT(Message(CheckDense("float64", 8, shape, 8)),
              HasSubstr("more bytes than 64 bits can count"));
}

TEST(TensorCheckTest, ABoolIsZeroOrOne) {
  std::vector<std::byte> bytes(9, std::byte{1});
  bytes[3] = std::byte{0};
  EXPECT_THAT(CheckBools({}), IsOk());
  EXPECT_THAT(CheckBools(bytes), IsOk());
  bytes[7] = std::byte{2};
  EXPECT_EQ(Message(CheckBools(bytes)), "a bool is 0 or 1, element 7 is 2");
}

}  // namespace
}  // namespace ferry::tensor_check_test
