// The first bytes of what people have, and what Ferry says of it. Archives are
// told apart in torchscript_archive_test.cc.

#include "server/formats/file_kind.h"

#include <gtest/gtest.h>

#include "tests/formats/pickle_text.h"
#include "tests/support/status_matchers.h"

namespace ferry::file_kind_test {
namespace {

using absl::StatusCode::kInvalidArgument;
using absl::StatusCode::kUnimplemented;

TEST(FileKindTest, LeavesArchivesAndTheUnknownToOthers) {
  EXPECT_THAT(CheckFileHead("PK\3\4", 1000), IsOk());
  EXPECT_THAT(CheckFileHead("", 0), IsOk());
  EXPECT_THAT(CheckFileHead("hello", 5), IsOk());
}

TEST(FileKindTest, KnowsPickles) {
  EXPECT_THAT(CheckFileHead("\x80\x02}.", 4), StatusIs(kInvalidArgument));
}

TEST(FileKindTest, KnowsSafetensorsByAHeaderThatFitsIntoTheFile) {
  const std::string head = pickle::Number(100, 8) + "{\"a\":{}";
  EXPECT_THAT(CheckFileHead(head, 108), StatusIs(kUnimplemented));
  EXPECT_THAT(CheckFileHead(head, 107), IsOk());
  EXPECT_THAT(CheckFileHead(pickle::Number(UINT64_MAX, 8) + "{", 1000), IsOk());
}

}  // namespace
}  // namespace ferry::file_kind_test
