// Addresses of a range, what a reserved one holds, and that reading it is seen.

#include "server/executors/torchscript/image_range.h"

#include <array>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::image_range_test {
namespace {

TEST(ImageRangeTest, KnowsItsOwnAddressesAndNoOthers) {
  std::array<std::byte, 16> memory{};
  const ImageRange range = ImageRange::Over(memory.data() + 4, 8);
  EXPECT_EQ(range.OffsetOf(memory.data() + 4), 0u);
  EXPECT_EQ(range.OffsetOf(memory.data() + 11), 7u);
  EXPECT_EQ(range.OffsetOf(memory.data() + 12), std::nullopt);
  EXPECT_EQ(range.OffsetOf(memory.data() + 3), std::nullopt);
  EXPECT_EQ(range.OffsetOf(nullptr), std::nullopt);
}

TEST(ImageRangeTest, ATerabyteOfAddressesCostsNothing) {
  auto range = ImageRange::Reserve(uint64_t{1} << 40);
  ASSERT_THAT(range, IsOk());
  const std::byte* data = range->data();
  const ImageRange moved = *std::move(range);
  EXPECT_EQ(moved.OffsetOf(data + 5), 5u);
}

TEST(ImageRangeTest, AModelWithoutWeightsHasARangeToo) {
  const auto range = ImageRange::Reserve(0);
  ASSERT_THAT(range, IsOk());
  EXPECT_NE(range->data(), nullptr);
}

TEST(ImageRangeTest, MoreThanTheAddressSpaceIsRefused) {
  EXPECT_THAT(ImageRange::Reserve(uint64_t{1} << 60),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(ImageRangeTest, AReadWhereNothingWasFilledIsSeen) {
  constexpr uint64_t kSizeBytes = uint64_t{64} << 20;
  for (const uint64_t at : {uint64_t{0}, uint64_t{5} << 20, kSizeBytes - 1}) {
    const auto range = ImageRange::Reserve(kSizeBytes);
    ASSERT_THAT(range, IsOk());
    EXPECT_FALSE(range->WasRead());
    const std::byte byte = *(range->data() + at);
    EXPECT_EQ(byte, std::byte{0});
    EXPECT_TRUE(range->WasRead()) << at;
  }
}

TEST(ImageRangeTest, WhatWasFilledMayBeReadAndIsGivenBack) {
  auto range = ImageRange::Reserve(5 * 4096);
  ASSERT_THAT(range, IsOk());
  ASSERT_THAT(range->Fill(3 * 4096 + 64, "constants"), IsOk());
  const char* const text =
      reinterpret_cast<const char*>(range->data()) + 3 * 4096 + 64;
  EXPECT_EQ(std::string_view(text, 9), "constants");
  EXPECT_FALSE(range->WasRead());
  range->Empty();
  EXPECT_EQ(*text, '\0');
  EXPECT_FALSE(range->WasRead());
}

TEST(ImageRangeDeathTest, ReservedAddressesCannotBeWritten) {
  const auto range = ImageRange::Reserve(4096);
  ASSERT_THAT(range, IsOk());
  EXPECT_DEATH(*range->data() = std::byte{1}, "");
}

}  // namespace
}  // namespace ferry::image_range_test
