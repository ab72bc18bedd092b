// float16 and bfloat16: every value there and back, and the rounding between.

#include "client/ctl/half.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include <gtest/gtest.h>

namespace ferry::client::half_test {
namespace {

TEST(HalfTest, EveryValueComesBackAsItself) {
  for (uint32_t i = 0; i <= 0xffff; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    const float number = Float16Value(bits);
    if (std::isnan(number)) {
      EXPECT_TRUE(std::isnan(Float16Value(Float16Bits(number)))) << i;
    } else {
      EXPECT_EQ(Float16Bits(number), bits) << i;
    }
    const float brain = Bfloat16Value(bits);
    if (std::isnan(brain)) {
      EXPECT_TRUE(std::isnan(Bfloat16Value(Bfloat16Bits(brain)))) << i;
    } else {
      EXPECT_EQ(Bfloat16Bits(brain), bits) << i;
    }
  }
}

TEST(HalfTest, KnownValues) {
  EXPECT_EQ(Float16Bits(1.0f), 0x3c00);
  EXPECT_EQ(Float16Bits(-2.0f), 0xc000);
  EXPECT_EQ(Float16Bits(65504.0f), 0x7bff);
  EXPECT_EQ(Float16Bits(0x1p-24f), 0x0001);
  EXPECT_EQ(Float16Bits(-0.0f), 0x8000);
  EXPECT_EQ(Bfloat16Bits(1.0f), 0x3f80);
}

TEST(HalfTest, RoundsToTheNearestAndTiesToEven) {
  EXPECT_EQ(Float16Bits(1.0f + 0x1p-11f), 0x3c00);  // A tie, down.
  EXPECT_EQ(Float16Bits(1.0f + 0x3p-11f), 0x3c02);  // A tie, up.
  EXPECT_EQ(Float16Bits(1.0f + 0x1.1p-11f), 0x3c01);
  EXPECT_EQ(Float16Bits(65519.9f), 0x7bff);
  EXPECT_EQ(Float16Bits(65520.0f), 0x7c00);  // Infinity.
  EXPECT_EQ(Float16Bits(0x1p-25f), 0x0000);
  EXPECT_EQ(Float16Bits(0x1.8p-25f), 0x0001);
  EXPECT_EQ(Float16Bits(0x1.ffep-15f), 0x0400);  // Up into the normal ones.
  EXPECT_EQ(Bfloat16Bits(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(Bfloat16Bits(1.0f + 0x3p-8f), 0x3f82);
  EXPECT_EQ(Bfloat16Bits(std::numeric_limits<float>::max()), 0x7f80);
}

}  // namespace
}  // namespace ferry::client::half_test
