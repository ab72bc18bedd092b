// IsUtf8: every border of RFC 3629's table, at every place in a word.

#include "server/base/utf8.h"

#include <string>

#include <gtest/gtest.h>

namespace ferry::utf8_test {
namespace {

TEST(Utf8Test, AcceptsTheBordersOfEveryLength) {
  for (const char* text :
       {"", "a", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
        "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80",
        "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(IsUtf8(text)) << testing::PrintToString(text);
  }
  EXPECT_TRUE(IsUtf8(std::string(1, '\0')));
}

TEST(Utf8Test, RefusesWhatIsJustOutside) {
  for (const char* text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x7F",
        "\xE0\x9F\xBF", "\xE1\x80", "\xED\xA0\x80", "\xED\xBF\xBF",
        "\xF0\x8F\xBF\xBF", "\xF1\x80\x80", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFF", "\xFE"}) {
    EXPECT_FALSE(IsUtf8(text)) << testing::PrintToString(text);
  }
}

TEST(Utf8Test, FindsAWrongByteAnywhere) {
  const std::string right = "twenty-four ASCII bytes!";
  for (size_t at = 0; at < right.size(); ++at) {
    std::string wrong = right;
    EXPECT_TRUE(IsUtf8(wrong));
    wrong[at] = '\xFF';
    EXPECT_FALSE(IsUtf8(wrong)) << at;
  }
}

}  // namespace
}  // namespace ferry::utf8_test
