// Dtypes and shapes against value.h.

#include "client/value.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::client::value_test {
namespace {

TEST(ValueTest, EveryDtypeIsFoundByItsName) {
  for (int i = 0; i <= static_cast<int>(DType::kComplex128); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(*ParseDType(DTypeName(dtype)), dtype);
  }
  EXPECT_EQ(SizeBytes(DType::kBfloat16), 2);
  EXPECT_EQ(SizeBytes(DType::kComplex128), 16);
}

TEST(ValueTest, UnknownNamesAreRefused) {
  const auto dtype = ParseDType("float");
  EXPECT_THAT(dtype, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(dtype.status().message()),
              testing::HasSubstr("float32, float64"));
  EXPECT_EQ(*ParseDatatype("FP32"), DType::kFloat32);
  EXPECT_EQ(*ParseDatatype("BF16"), DType::kBfloat16);
  for (const char* name : {"BYTES", "", "fp32"}) {
    EXPECT_THAT(ParseDatatype(name),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

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
