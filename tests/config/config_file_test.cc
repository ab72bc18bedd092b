// ConfigFile against TOML: what is read, and that what is not is refused by
// name and line. Texts are written out; only the last tests open files.

#include "server/config_file.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ferry::config_file_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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

TEST(ConfigFileTest, RefusesWhatItDoesNotRead) {
  EXPECT_THAT(Error("[server]"), HasSubstr("f.toml, line 1: a table"));
  EXPECT_THAT(Error("\na.b = 1"), HasSubstr("line 2: a dotted key"));
  EXPECT_THAT(Error("a = 1.5"), HasSubstr("no integer or boolean"));
  EXPECT_THAT(Error("a = 1979-05-27"), HasSubstr("no integer or boolean"));
  EXPECT_THAT(Error("a = 4GiB"), HasSubstr("write a string in quotes"));
  EXPECT_THAT(Error("a = \"\"\"x\"\"\""), HasSubstr("multi-line string"));
  EXPECT_THAT(Error("a = { b = 1 }"), HasSubstr("nested value"));
  EXPECT_THAT(Error("a = [[1]]"), HasSubstr("nested value"));
}

TEST(ConfigFileTest, RefusesWhatIsNotToml) {
  EXPECT_THAT(Error("a"), HasSubstr("expected `=`"));
  EXPECT_THAT(Error("= 3"), HasSubstr("expected a key"));
  EXPECT_THAT(Error("a = "), HasSubstr("expected a value"));
  EXPECT_THAT(Error("a = 1 2"), HasSubstr("unexpected text"));
  EXPECT_THAT(Error("a = \"x"), HasSubstr("a string without its end"));
  EXPECT_THAT(Error("a = \"\\q\""), HasSubstr("unknown escape"));
  EXPECT_THAT(Error("a = [1, 2"), HasSubstr("without its `]`"));
  EXPECT_THAT(Error("a = [1 2]"), HasSubstr("expected `,` or `]`"));
  EXPECT_THAT(Error("a = 1\na = 2"), HasSubstr("line 2: the key \"a\" is"));
}

TEST(ConfigFileTest, GoesOnBehindAMistake) {
  const ConfigFile file = ParseConfigFile("a = oops\nb = 2\n[t]\n", "f.toml");
  EXPECT_EQ(file.errors.size(), 2);
  ASSERT_EQ(file.entries.size(), 1);
  EXPECT_EQ(file.entries[0].key, "b");
}

TEST(ConfigFileTest, EndsOnAnyBytes) {
  for (int c = 0; c < 256; ++c) {
    const std::string text = {'a', '=', static_cast<char>(c)};
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
              ElementsAre(HasSubstr("longer than 1048576 bytes")));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace ferry::config_file_test
