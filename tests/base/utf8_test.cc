// UTF-8: every border of RFC 3629's table, at every place in a word, and what
// becomes of texts that are none.

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
    EXPECT_EQ(ToUtf8(wrong),
              right.substr(0, at) + "\uFFFD" + right.substr(at + 1));
  }
}

TEST(Utf8Test, FindsWhatIsWrongBetweenOtherCharacters) {
  EXPECT_TRUE(IsUtf8("gr\u00FCn f\u00E4hrt \u6E21\u3057\u8239 \U0001F6A2"));
  EXPECT_FALSE(IsUtf8("gr\u00FCn f\xE4hrt \u6E21\u3057\u8239"));
  EXPECT_FALSE(IsUtf8("\u6E21\u3057\xE8\x88"));
}

TEST(Utf8Test, KeepsWhatIsUtf8AndReplacesTheRest) {
  EXPECT_EQ(ToUtf8("f\u00E4hrt\n\U0001F6A2"), "f\u00E4hrt\n\U0001F6A2");
  EXPECT_EQ(ToUtf8("f\xE4hrt"), "f\uFFFDhrt");
  EXPECT_EQ(ToUtf8("\xE2\x82"), "\uFFFD");
  EXPECT_EQ(ToUtf8(""), "");
}

TEST(Utf8Test, CountsCharacters) {
  EXPECT_EQ(CountCharacters(""), 0);
  EXPECT_EQ(CountCharacters("f\u00E4hrt"), 5);
  EXPECT_EQ(CountCharacters("f\xE4hrt"), 5);
  EXPECT_EQ(CountCharacters("\xF0\x9F"), 1);
}

TEST(Utf8Test, CutsBetweenCharacters) {
  const std::string ships = "x\U0001F6A2\U0001F6A2";
  EXPECT_EQ(CutUtf8(ships, 100), ships);
  EXPECT_EQ(CutUtf8(ships, 9), ships);
  for (size_t size = 5; size < 9; ++size) {
    EXPECT_EQ(CutUtf8(ships, size), "x\U0001F6A2") << size;
  }
  EXPECT_EQ(CutUtf8(ships, 4), "x");
  EXPECT_EQ(CutUtf8(ships, 0), "");
  EXPECT_EQ(CutUtf8("\xFF" + ships, 9), "\xFF" + ships.substr(0, 8));
}

}  // namespace
}  // namespace ferry::utf8_test
