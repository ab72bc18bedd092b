#include "client/ctl/half.h"

#include <bit>
#include <cmath>

namespace ferry::client {
namespace {

constexpr uint32_t kInfinityBits = 0x7f800000;
// The smallest float that binary16 can no longer round below its infinity.
constexpr uint32_t kFloat16OverflowBits = 0x477ff000;  // 65520.
// 2^-14: below it, binary16 is subnormal.
constexpr uint32_t kFloat16NormalBits = 0x38800000;

}  // namespace

uint16_t Float16Bits(float number) {
  const uint32_t bits = std::bit_cast<uint32_t>(number);
  const auto sign = static_cast<uint16_t>((bits >> 16) & 0x8000);
  const uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude > kInfinityBits) return sign | 0x7e00;  // NaN.
  if (magnitude >= kFloat16OverflowBits) return sign | 0x7c00;
  if (magnitude < kFloat16NormalBits) {
    // In units of 2^-24, the subnormal's; rounded as the processor rounds.
    const float units = std::bit_cast<float>(magnitude) * 16777216.0f;
    return sign | static_cast<uint16_t>(std::nearbyint(units));
  }
  // Adds half a unit in the last place, and one bit more when it is odd; a
  // carry goes over into the exponent, as it must.
  const uint32_t rounded = magnitude + 0x0fff + ((magnitude >> 13) & 1);
  return sign | static_cast<uint16_t>((rounded - 0x38000000) >> 13);
}

float Float16Value(uint16_t bits) {
  const uint32_t sign = uint32_t{bits & 0x8000u} << 16;
  const uint32_t exponent = (bits >> 10) & 0x1f;
  const uint32_t fraction = bits & 0x3ff;
  if (exponent == 0x1f) {
    return std::bit_cast<float>(sign | kInfinityBits | (fraction << 13));
  }
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) / 16777216.0f;
    return sign != 0 ? -magnitude : magnitude;
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) |
                              (fraction << 13));
}

uint16_t Bfloat16Bits(float number) {
  const uint32_t bits = std::bit_cast<uint32_t>(number);
  if (std::isnan(number)) return static_cast<uint16_t>((bits >> 16) | 0x40);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float Bfloat16Value(uint16_t bits) {
  return std::bit_cast<float>(uint32_t{bits} << 16);
}

}  // namespace ferry::client
