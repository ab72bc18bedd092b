// Ranges of a file in memory: inside of it, across its end, and of something
// that cannot be read at all.

#include "server/formats/read_exactly.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/support/zip_writer.h"

namespace ferry::read_exactly_test {
namespace {

TEST(ReadExactlyTest, ReadsTheRange) {
  const UniqueFd file = MemoryFile("0123456789");
  EXPECT_EQ(*ReadExactly(file.get(), 3, 4), "3456");
  EXPECT_EQ(*ReadExactly(file.get(), 0, 10), "0123456789");
  EXPECT_EQ(*ReadExactly(file.get(), 99, 0), "");
}

TEST(ReadExactlyTest, ARangePastTheEndIsLostData) {
  const UniqueFd file = MemoryFile("0123456789");
  EXPECT_THAT(ReadExactly(file.get(), 8, 3),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(ReadExactlyTest, AFailingDiskIsAnInternalError) {
  EXPECT_THAT(ReadExactly(-1, 0, 1), StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace ferry::read_exactly_test
