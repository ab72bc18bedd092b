// Pages: alignment, what can be touched, what a drop forgets.

#include "server/devices/pages.h"

#include <fstream>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/devices/touch.h"
#include "tests/support/status_matchers.h"

namespace ferry::pages_test {
namespace {

TEST(PagesTest, RoundsUpToWholePages) {
  const auto pages = Pages::Map(1, Pages::Access::kReadWrite);
  ASSERT_THAT(pages, IsOk());
  EXPECT_EQ(pages->size_bytes(), Pages::kPageBytes);
}

TEST(PagesTest, AlignsWhatCanHoldAHugePage) {
  for (const auto access : {Pages::Access::kReadWrite, Pages::Access::kNone}) {
    const auto pages = Pages::Map(Pages::kHugePageBytes + 1, access);
    ASSERT_THAT(pages, IsOk());
    EXPECT_EQ(
        reinterpret_cast<uintptr_t>(pages->data()) % Pages::kHugePageBytes, 0u);
  }
}

// The flags that the kernel keeps of the mapping that begins there.
std::string FlagsOf(const std::byte* address) {
  const std::string begin =
      absl::StrCat(absl::Hex(reinterpret_cast<uintptr_t>(address)), "-");
  std::ifstream maps("/proc/self/smaps");
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    here |= line.starts_with(begin);
    if (here && line.starts_with("VmFlags:")) return line + " ";
  }
  return "no mapping begins there";
}

TEST(PagesTest, AsksForHugePages) {
  const auto pages =
      Pages::Map(2 * Pages::kHugePageBytes, Pages::Access::kReadWrite);
  ASSERT_THAT(pages, IsOk());
  EXPECT_THAT(FlagsOf(pages->data()), testing::HasSubstr(" hg "));
}

TEST(PagesTest, StartsAsZerosToTheLastByte) {
  const auto pages =
      Pages::Map(3 * Pages::kHugePageBytes - 4096, Pages::Access::kReadWrite);
  ASSERT_THAT(pages, IsOk());
  EXPECT_EQ(pages->data()[0], std::byte{0});
  EXPECT_EQ(pages->data()[pages->size_bytes() - 1], std::byte{0});
}

TEST(PagesTest, RefusesWhatNoProcessCanMap) {
  EXPECT_THAT(Pages::Map(UINT64_MAX, Pages::Access::kNone),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Pages::Map(0, Pages::Access::kNone),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(PagesTest, AMovedMappingIsUnmappedOnce) {
  auto pages = Pages::Map(4096, Pages::Access::kReadWrite);
  ASSERT_THAT(pages, IsOk());
  std::byte* const data = pages->data();
  Pages kept = *std::move(pages);
  EXPECT_EQ(kept.data(), data);
  kept.data()[0] = std::byte{1};
}

TEST(PagesTest, DropsOnlyWholePages) {
  const auto pages = Pages::Map(3 * 4096, Pages::Access::kReadWrite);
  ASSERT_THAT(pages, IsOk());
  std::byte* const data = pages->data();
  data[4095] = data[4096] = data[8191] = data[8192] = std::byte{7};
  DropPages(data + 4095, 4098);
  EXPECT_EQ(data[4095], std::byte{7});
  EXPECT_EQ(data[4096], std::byte{0});
  EXPECT_EQ(data[8191], std::byte{0});
  EXPECT_EQ(data[8192], std::byte{7});
  DropPages(data + 1, 4095);  // No whole page inside.
  EXPECT_EQ(data[4095], std::byte{7});
}

TEST(PagesDeathTest, NobodyTouchesPagesWithoutAccess) {
  const auto pages = Pages::Map(4096, Pages::Access::kNone);
  ASSERT_THAT(pages, IsOk());
  EXPECT_EXIT(ReadByte(pages->data()), DiedOfTouching, "");
}

}  // namespace
}  // namespace ferry::pages_test
