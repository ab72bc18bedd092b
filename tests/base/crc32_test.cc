// CRC-32 against the catalogue's check value and against itself in pieces.

#include "server/base/crc32.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace ferry::crc32_test {
namespace {

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// "CRC-32/ISO-HDLC" in the catalogue of parametrised CRC algorithms.
constexpr uint32_t kCheck = 0xCBF43926;

TEST(Crc32Test, AgreesWithTheCheckValue) {
  EXPECT_EQ(Crc32(0, Bytes("123456789")), kCheck);
}

TEST(Crc32Test, NothingLeavesTheSumAlone) {
  EXPECT_EQ(Crc32(0, {}), 0u);
  EXPECT_EQ(Crc32(kCheck, {}), kCheck);
}

TEST(Crc32Test, GoesOnWhereItEnded) {
  EXPECT_EQ(Crc32(Crc32(0, Bytes("1234")), Bytes("56789")), kCheck);
}

TEST(Crc32Test, JoinsNeighbours) {
  EXPECT_EQ(Crc32Combine(Crc32(0, Bytes("1234")), Crc32(0, Bytes("56789")), 5),
            kCheck);
  EXPECT_EQ(Crc32Combine(kCheck, 0, 0), kCheck);
}

TEST(Crc32Test, JoinsAcrossFourGibibytes) {
  // The sum of zeros, doubled up to 2^33 bytes without holding them: joining
  // in either order must agree.
  const std::vector<std::byte> mebibyte(1 << 20);
  uint64_t size_bytes = mebibyte.size();
  uint32_t zeros = Crc32(0, mebibyte);
  while (size_bytes < (uint64_t{1} << 33)) {
    zeros = Crc32Combine(zeros, zeros, size_bytes);
    size_bytes *= 2;
  }
  const uint32_t tail_last = Crc32Combine(zeros, kCheck, 9);
  const uint32_t first_half = Crc32Combine(
      kCheck, zeros, size_bytes);  // "123456789" and then the zeros.
  EXPECT_NE(tail_last, first_half);
  EXPECT_EQ(Crc32Combine(first_half, kCheck, 9),
            Crc32Combine(kCheck, tail_last, size_bytes + 9));
  EXPECT_NE(Crc32Combine(kCheck, zeros, size_bytes),
            Crc32Combine(kCheck, zeros, size_bytes % (uint64_t{1} << 32)));
}

}  // namespace
}  // namespace ferry::crc32_test
