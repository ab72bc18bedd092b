// Addresses of a range, and that a reserved one has no memory.

#include "server/executors/image_range.h"

#include <array>
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

TEST(ImageRangeDeathTest, ReservedAddressesCannotBeRead) {
  const auto range = ImageRange::Reserve(4096);
  ASSERT_THAT(range, IsOk());
  EXPECT_DEATH({ [[maybe_unused]] volatile auto byte = *range->data(); }, "");
}

}  // namespace
}  // namespace ferry::image_range_test
