// Hash against XXH3's reference values, and against itself over pieces.

#include "server/base/hash.h"

#include <cstddef>
#include <random>
#include <span>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace ferry::hash_test {
namespace {

std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Of nothing and of 2,367 bytes: from xxHash's own self test.
TEST(HashTest, IsXxh3) {
  EXPECT_EQ(Hash::Of({}), 0x2D06800538D394C2u);
  EXPECT_EQ(Hash().Total(), 0x2D06800538D394C2u);

  constexpr uint32_t kPrime32 = 2654435761u;
  constexpr uint64_t kPrime64 = 11400714785074694797u;
  std::vector<std::byte> bytes(2367);
  uint64_t next = kPrime32;
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(next >> 56);
    next *= kPrime64;
  }
  EXPECT_EQ(Hash::Of(bytes), 0xCB37AEB9E5D361EDu);
}

TEST(HashTest, DoesNotMindHowBytesAreCut) {
  std::mt19937 random(5);
  std::vector<std::byte> bytes(3'000'001);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  const uint64_t whole = Hash::Of(bytes);
  for (const size_t piece_bytes_max : {100u, 10'000u, 2'000'000u}) {
    Hash hash;
    for (std::span<const std::byte> rest(bytes); !rest.empty();) {
      const size_t piece_bytes =
          std::min<size_t>(rest.size(), random() % (piece_bytes_max + 1));
      hash.Add(rest.first(piece_bytes));
      rest = rest.subspan(piece_bytes);
    }
    EXPECT_EQ(hash.Total(), whole) << piece_bytes_max;
  }
}

TEST(HashTest, GoesOnAfterATotal) {
  Hash hash;
  hash.Add(Bytes("1234"));
  EXPECT_EQ(hash.Total(), Hash::Of(Bytes("1234")));
  hash.Add(Bytes("56789"));
  EXPECT_EQ(hash.Total(), Hash::Of(Bytes("123456789")));
}

TEST(HashTest, TellsOneBitApart) {
  EXPECT_NE(Hash::Of(Bytes("ferry")), Hash::Of(Bytes("ferrx")));
}

}  // namespace
}  // namespace ferry::hash_test
