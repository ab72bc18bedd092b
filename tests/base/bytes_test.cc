// Sizes and rates by table: what people write, and what must be refused.

#include "server/base/bytes.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::bytes_test {
namespace {

constexpr uint64_t kBytesMax = std::numeric_limits<uint64_t>::max();

TEST(BytesTest, ReadsEveryUnit) {
  EXPECT_EQ(*ParseBytes("0"), 0u);
  EXPECT_EQ(*ParseBytes("1024"), 1024u);
  EXPECT_EQ(*ParseBytes("7B"), 7u);
  EXPECT_EQ(*ParseBytes("3KB"), 3000u);
  EXPECT_EQ(*ParseBytes("3KiB"), 3072u);
  EXPECT_EQ(*ParseBytes("4MB"), 4'000'000u);
  EXPECT_EQ(*ParseBytes("256MiB"), 268435456u);
  EXPECT_EQ(*ParseBytes("4GB"), 4'000'000'000u);
  EXPECT_EQ(*ParseBytes("2GiB"), 2147483648u);
  EXPECT_EQ(*ParseBytes("1TB"), 1'000'000'000'000u);
  EXPECT_EQ(*ParseBytes("1TiB"), 1099511627776u);
}

TEST(BytesTest, ReadsFractionsExactlyAndCutsBelowOneByte) {
  EXPECT_EQ(*ParseBytes("1.5GiB"), 1610612736u);
  EXPECT_EQ(*ParseBytes("0.1KB"), 100u);
  EXPECT_EQ(*ParseBytes("0.1KiB"), 102u);
  EXPECT_EQ(*ParseBytes("16777215.999999999999999999TiB"), kBytesMax);
}

TEST(BytesTest, ReadsUpToTheLastByte) {
  EXPECT_EQ(*ParseBytes("18446744073709551615"), kBytesMax);
  EXPECT_THAT(ParseBytes("18446744073709551616"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseBytes("16777216TiB"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParseBytes("99999999999999999999TiB"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(BytesTest, RefusesWhatIsNotASize) {
  for (const std::string_view text : {"",
                                      "B",
                                      "MiB",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1 MiB",
                                      "1mib",
                                      "1kb",
                                      "1K",
                                      "1.5",
                                      "1.5B",
                                      "1.MiB",
                                      ".5MiB",
                                      "1.2.3MiB",
                                      "1e6",
                                      "0x10",
                                      "100000000000000000000",
                                      "1.0000000000000000000MiB",
                                      "1MiBps"}) {
    EXPECT_THAT(ParseBytes(text), StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(BytesTest, SaysWhatWasAskedAndWhatIsMeant) {
  const std::string message(ParseBytes("4 gigs\n").status().message());
  EXPECT_NE(message.find("\"4 gigs\\n\""), std::string::npos) << message;
  EXPECT_NE(message.find("256MiB"), std::string::npos) << message;
}

TEST(BytesTest, ReadsRates) {
  EXPECT_EQ(*ParseBytesPerSecond("4GBps"), 4'000'000'000u);
  EXPECT_EQ(*ParseBytesPerSecond("1.5GiB/s"), 1610612736u);
  EXPECT_EQ(*ParseBytesPerSecond("100Bps"), 100u);
}

TEST(BytesTest, RefusesWhatIsNotARate) {
  for (const std::string_view text :
       {"", "ps", "4GB", "0GBps", "0.1", "4GBpm", "-4GBps", "4 GBps"}) {
    EXPECT_THAT(ParseBytesPerSecond(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(BytesTest, WritesTheLargestUnitThatFits) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(256 << 20), "256.0 MiB");
  EXPECT_EQ(FormatBytes((uint64_t{1} << 30) - 1), "1.0 GiB");
  EXPECT_EQ(FormatBytes(kBytesMax), "16.0 EiB");
}

}  // namespace
}  // namespace ferry::bytes_test
