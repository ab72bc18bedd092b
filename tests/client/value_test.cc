// Sizes of tensors.

#include "client/value.h"

#include <limits>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::client::value_test {
namespace {

TEST(ValueTest, TensorBytesMultipliesWithoutOverflow) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(*TensorBytes(DType::kFloat32, {}), 4);
  EXPECT_EQ(*TensorBytes(DType::kInt16, {3, 5}), 30);
  EXPECT_EQ(*TensorBytes(DType::kInt16, {kHuge, 0, kHuge}), 0);
  EXPECT_EQ(*TensorBytes(DType::kInt8, {kHuge}), uint64_t{kHuge});
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{-1}, {kHuge, 2}, {kHuge, kHuge}, {0, -1}}) {
    EXPECT_THAT(TensorBytes(DType::kInt8, shape),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

}  // namespace
}  // namespace ferry::client::value_test
