// What a refusal looks like to the person who reads it.

#include "server/formats/refusal.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::refusal_test {
namespace {

TEST(RefusalTest, SaysWhatItIsGiven) {
  const std::string_view view = "view";
  const absl::Status refusal = Refusal("a ", view, " of ", 3, " bytes");
  EXPECT_THAT(refusal, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(refusal.message(), "a view of 3 bytes");
}

TEST(RefusalTest, NamesFileAndRecordAndKeepsTheCode) {
  const absl::Status status =
      InFile("a\nb.pt", InRecord("c\x01", absl::DataLossError("is wrong")));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(status.message(), "a\\nb.pt: record \"c\\x01\": is wrong");
}

}  // namespace
}  // namespace ferry::refusal_test
