// The dtype tables against each other and against LibTorch's own numbers.

#include "server/values/dtype.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::dtype_test {
namespace {

TEST(DTypeTest, EveryKServeNameParsesToItsOwnDType) {
  for (int i = 0; i <= static_cast<int>(DType::kComplex128); ++i) {
    const auto dtype = static_cast<DType>(i);
    if (KServeName(dtype).empty()) continue;
    const auto parsed = ParseKServeName(KServeName(dtype));
    ASSERT_THAT(parsed, IsOk());
    EXPECT_EQ(*parsed, dtype);
  }
}

TEST(DTypeTest, EveryDTypeIsFoundByPyTorchsName) {
  for (int i = 0; i <= static_cast<int>(DType::kComplex128); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(*ParseTorchName(TorchName(dtype)), dtype);
  }
  for (const char* name : {"", "float", "FP32"}) {
    const auto parsed = ParseTorchName(name);
    EXPECT_THAT(parsed, StatusIs(absl::StatusCode::kInvalidArgument)) << name;
    EXPECT_NE(parsed.status().message().find("float32, float64"),
              std::string::npos);
  }
}

TEST(DTypeTest, NamesAreThoseOfPyTorchAndKServe) {
  EXPECT_EQ(TorchName(DType::kBfloat16), "bfloat16");
  EXPECT_EQ(KServeName(DType::kBfloat16), "BF16");
  EXPECT_EQ(KServeName(DType::kFloat32), "FP32");
  EXPECT_EQ(KServeName(DType::kComplex64), "");
  EXPECT_EQ(SizeBytes(DType::kComplex128), 16u);
}

TEST(DTypeTest, AnUnknownDatatypeIsRefusedWithThoseThatAre) {
  for (const char* name : {"", "FLOAT", "fp32", "BYTES"}) {
    const auto parsed = ParseKServeName(name);
    EXPECT_THAT(parsed, StatusIs(absl::StatusCode::kInvalidArgument)) << name;
    EXPECT_NE(parsed.status().message().find("FP16"), std::string::npos);
  }
}

}  // namespace
}  // namespace ferry::dtype_test
