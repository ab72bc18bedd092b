// ConfigFile against TOML: what is read, and that what is not is refused by
// line, and by column where it is no TOML. Texts are written out; only the last
// tests open files.

#include "server/config_file.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"

namespace ferry::config_file_test {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::vector<std::string> Values(std::string_view text) {
  const ConfigFile file = ParseConfigFile(text, "f.toml");
  EXPECT_THAT(file.errors, IsEmpty()) << text;
  return file.entries.size() == 1 ? file.entries.front().values
                                  : std::vector<std::string>{"?"};
}

std::string Error(std::string_view text) {
  const ConfigFile file = ParseConfigFile(text, "f.toml");
  return file.errors.size() == 1 ? file.errors.front() : "?";
}

TEST(ConfigFileTest, ReadsStringsIntegersAndBooleans) {
  EXPECT_THAT(Values("a = \"x # y\" # comment"), ElementsAre("x # y"));
  EXPECT_THAT(Values("a = 'C:\\n'"), ElementsAre("C:\\n"));
  EXPECT_THAT(Values("a = \"q\\\"\\\\\\t\""), ElementsAre("q\"\\\t"));
  EXPECT_THAT(Values("a=1_000"), ElementsAre("1000"));
  EXPECT_THAT(Values("\"a\" = -3\r\n"), ElementsAre("-3"));
  EXPECT_THAT(Values("a = true"), ElementsAre("true"));
}

TEST(ConfigFileTest, ReadsArraysOverManyLines) {
  EXPECT_THAT(Values("a = [ \"x\", # one\n  'y',\n\n 3,\n]  # end"),
              ElementsAre("x", "y", "3"));
  EXPECT_THAT(Values("a = []"), IsEmpty());
}

TEST(ConfigFileTest, TellsTheLineOfEachKey) {
  const ConfigFile file =
      ParseConfigFile("# top\n\na = 1\nb = [\n 2 ]\nc = 3", "f.toml");
  ASSERT_EQ(file.entries.size(), 3);
  EXPECT_EQ(file.entries[0].line, 3);
  EXPECT_EQ(file.entries[1].line, 4);
  EXPECT_EQ(file.entries[2].line, 6);
}

TEST(ConfigFileTest, ReadsEveryScalarOfTomlAsTheTextOfAFlag) {
  EXPECT_THAT(Values("a = 0x10"), ElementsAre("16"));
  EXPECT_THAT(Values("a = 0.5"), ElementsAre("0.5"));
  EXPECT_THAT(Values("a = 1979-05-27"), ElementsAre("1979-05-27"));
  EXPECT_THAT(Values("a = 07:32:00"), ElementsAre("07:32:00"));
  EXPECT_THAT(Values("a = \"\\u00e9\""), ElementsAre("\u00e9"));
  EXPECT_THAT(Values("a = \"\"\"\nx\\\n  y\"\"\""), ElementsAre("xy"));
  EXPECT_THAT(Values("a = '''C:\\'''"), ElementsAre("C:\\"));
  EXPECT_THAT(Values("a = [true, 1, 'x']"), ElementsAre("true", "1", "x"));
}

TEST(ConfigFileTest, RefusesWhatIsNoSetting) {
  EXPECT_THAT(Error("\n[server]"),
              HasSubstr("f.toml, line 2: \"server\" is a table: settings are"));
  EXPECT_THAT(Error("\na.b = 1"), HasSubstr("line 2: \"a\" is a table"));
  EXPECT_THAT(Error("a = { b = 1 }"), HasSubstr("\"a\" is a table"));
  EXPECT_THAT(Error("[[a]]\nb = 1"), HasSubstr("\"a\" is a table"));
  EXPECT_THAT(Error("a = [[1]]"),
              HasSubstr("an array or a table in its array"));
  EXPECT_THAT(Error("a = [1, {}]"), HasSubstr("an array or a table in its"));
}

TEST(ConfigFileTest, TellsAllThatAreNoSettingInTheirOrder) {
  const ConfigFile file =
      ParseConfigFile("z = [[1]]\nb = 2\na.b = 3\n[t]\n", "f.toml");
  EXPECT_THAT(file.errors, ElementsAre(HasSubstr("line 1: \"z\""),
                                       HasSubstr("line 3: \"a\""),
                                       HasSubstr("line 4: \"t\"")));
  ASSERT_EQ(file.entries.size(), 1);
  EXPECT_EQ(file.entries[0].key, "b");
}

TEST(ConfigFileTest, TellsLineAndColumnOfWhatIsNotToml) {
  EXPECT_THAT(Error("b = 1\na 1"),
              HasSubstr("f.toml, line 2, column 3: error while parsing "
                        "key-value pair: expected '=', saw '1'"));
  EXPECT_THAT(Error("= 3"), HasSubstr("column 1: error while parsing root"));
  EXPECT_THAT(Error("[.]"), HasSubstr("column 2: error while parsing"));
  EXPECT_THAT(Error("[[[a]]]"), HasSubstr("column 3: error while parsing"));
  EXPECT_THAT(Error("a = 1 2"), HasSubstr("column 7"));
  EXPECT_THAT(Error("a = \"x"), HasSubstr("string: encountered end-of-file"));
  EXPECT_THAT(Error("a = \"\\q\""), HasSubstr("unknown escape sequence"));
  EXPECT_THAT(Error("a = [1, 2"), HasSubstr("array: encountered end-of-file"));
  EXPECT_THAT(Error("a = [1 2]"), HasSubstr("expected comma or closing ']'"));
  EXPECT_THAT(Error("a = 1\na = 2"), HasSubstr("line 2, column 5: "));
  EXPECT_THAT(Error("a = \"\xFF\""), HasSubstr("invalid utf-8"));
}

TEST(ConfigFileTest, SaysThatTextIsWrittenInQuotes) {
  for (const std::string_view bare :
       {"4GiB", "30s", "cpu", "/models", "True", "127.0.0.1:8001", "[cpu]"}) {
    const std::string text = absl::StrCat("a = ", AbslView(bare));
    EXPECT_THAT(Error(text), HasSubstr("text is written in quotes")) << text;
  }
}

TEST(ConfigFileTest, HintsAtQuotesOnlyWhereTheyWouldHelp) {
  for (const std::string& text :
       {std::string("a = 2\na = 3"), std::string("a = 99999999999999999999"),
        std::string("a = true\na = false"), std::string("a = 2026-02-30"),
        "a = " + std::string(300, '[')}) {
    EXPECT_THAT(Error(text), Not(HasSubstr("quotes"))) << text;
  }
}

TEST(ConfigFileTest, AMessageIsOneLineWhateverTheKey) {
  const std::string error = Error("\"x\\ny\" = 1\n\"x\\ny\" = 2");
  EXPECT_THAT(error, HasSubstr("cannot redefine"));
  EXPECT_THAT(error, Not(HasSubstr("\n")));
}

// Each level of a dotted key is a table in a table, and to destroy it a call in
// a call. Newer versions of the library have a limit of their own.
TEST(ConfigFileTest, DoesNotNestUntilTheStackIsFull) {
  std::string dotted = "a";
  while (dotted.size() + 6 < kConfigLineBytesMax) dotted += ".a";
  EXPECT_THAT(Error("[" + dotted + "]\n" + dotted + " = 1"),
              AnyOf(HasSubstr("\"a\" is a table"), HasSubstr("depth")));
  EXPECT_THAT(Error("b = 1\n" + std::string(kConfigLineBytesMax, 'a') + "=1"),
              HasSubstr("line 2: longer than 8192 bytes"));
  EXPECT_THAT(Error("a = " + std::string(8000, '[')), HasSubstr("depth"));
}

// Tables of dotted keys in one another nest as deep as the file is long.
TEST(ConfigFileTest, AWholeFileOfNestedTablesFitsIntoTheStack) {
  std::string open = "a";
  while (open.size() + 8 < kConfigLineBytesMax) open += ".a";
  open = "{" + open + "=[\n";
  const std::string close = "]}\n";
  const size_t levels = (kConfigFileBytesMax - 16) / (open.size() + 3);
  std::string text = "a=[\n";
  for (size_t i = 0; i < levels; ++i) text += open;
  text += "1";
  for (size_t i = 0; i < levels; ++i) text += close;
  text += "]\n";
  ASSERT_LE(text.size(), kConfigFileBytesMax);
  EXPECT_THAT(Error(text),
              AnyOf(HasSubstr("\"a\" is a table"), HasSubstr("depth")));
}

TEST(ConfigFileTest, EndsOnAnyBytes) {
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'a', '=', static_cast<char>(c), '"', '['};
    ParseConfigFile(text, "f.toml");
    ParseConfigFile(text.substr(2), "f.toml");
  }
}

TEST(ConfigFileTest, SaysWhyAFileCannotBeRead) {
  EXPECT_THAT(ReadConfigFile("/nowhere/f.toml").errors,
              ElementsAre(HasSubstr("No such file")));
  EXPECT_THAT(ReadConfigFile(testing::TempDir()).errors,
              ElementsAre(HasSubstr("cannot be read")));
}

TEST(ConfigFileTest, TakesAnEmptyFileAndRefusesAHugeOne) {
  const std::filesystem::path path =
      std::filesystem::path(testing::TempDir()) / "config_file_test.toml";
  std::ofstream(path).close();
  EXPECT_THAT(ReadConfigFile(path).errors, IsEmpty());
  std::ofstream(path) << std::string(kConfigFileBytesMax + 1, '\n');
  EXPECT_THAT(ReadConfigFile(path).errors,
              ElementsAre(HasSubstr("longer than 65536 bytes")));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace ferry::config_file_test
