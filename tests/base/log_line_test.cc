// Lines by example, then every byte there is: the text form stays one line and
// the JSON form is read back by a parser.

#include "server/base/log_line.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace ferry::log_line_test {
namespace {

const absl::Time kTime =
    absl::FromUnixSeconds(1767225600) + absl::Milliseconds(7);

std::string Text(std::initializer_list<LogField> fields) {
  return LogLine(LogFormat::kText, kTime, LogLevel::kInfo, "model loaded",
                 fields);
}

nlohmann::json Json(std::initializer_list<LogField> fields) {
  return nlohmann::json::parse(LogLine(
      LogFormat::kJson, kTime, LogLevel::kWarning, "model loaded", fields));
}

TEST(LogLineTest, WritesTextForPeople) {
  EXPECT_EQ(Text({{"model", "silero"},
                  {"device", std::string("sim:0")},
                  {"seconds", absl::Milliseconds(120)}}),
            "2026-01-01T00:00:00.007Z INFO  model loaded model=silero "
            "device=sim:0 seconds=0.12");
}

TEST(LogLineTest, QuotesValuesThatWouldNotEndWhereTheySeem) {
  EXPECT_EQ(Text({{"a", "two words"}, {"b", ""}, {"c", "x=y"}, {"d", "\"\n"}}),
            "2026-01-01T00:00:00.007Z INFO  model loaded a=\"two words\" b=\"\""
            " c=\"x=y\" d=\"\\\"\\n\"");
}

TEST(LogLineTest, WritesJsonInTheSameOrder) {
  EXPECT_EQ(LogLine(LogFormat::kJson, kTime, LogLevel::kError, "move failed",
                    {{"model", "a b"}, {"bytes", uint64_t{3}}, {"ok", false}}),
            "{\"time\":\"2026-01-01T00:00:00.007Z\",\"level\":\"error\","
            "\"event\":\"move failed\",\"model\":\"a b\",\"bytes\":3,"
            "\"ok\":false}");
}

TEST(LogLineTest, KeepsNumbersNumbers) {
  const nlohmann::json line =
      Json({{"signed", std::numeric_limits<int64_t>::min()},
            {"unsigned", std::numeric_limits<uint64_t>::max()},
            {"int", -3},
            {"double", 0.5},
            {"nan", std::numeric_limits<double>::quiet_NaN()},
            {"infinite", std::numeric_limits<double>::infinity()}});
  EXPECT_EQ(line["signed"], std::numeric_limits<int64_t>::min());
  EXPECT_EQ(line["unsigned"], std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(line["int"], -3);
  EXPECT_EQ(line["double"], 0.5);
  EXPECT_TRUE(line["nan"].is_null());
  EXPECT_TRUE(line["infinite"].is_null());
}

TEST(LogLineTest, KeepsWhatIsUtf8) {
  constexpr std::string_view kText = "h\xC3\xB6 \xE2\x82\xAC \xF0\x9F\x9A\xA2";
  EXPECT_EQ(Json({{"a", kText}})["a"], kText);
}

TEST(LogLineTest, ReplacesWhatIsNotUtf8) {
  for (const std::string_view bad :
       {"\x80", "\xC0\xAF", "\xC3", "\xE0\x80\x80", "\xED\xA0\x80", "\xE2\x82",
        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF8\x88", "\xFF"}) {
    const std::string value = Json({{"a", bad}})["a"];
    EXPECT_TRUE(value.starts_with("\xEF\xBF\xBD")) << value;
  }
  EXPECT_EQ(Json({{"a", "x\xFFy"}})["a"], "x\xEF\xBF\xBDy");
}

TEST(LogLineTest, SurvivesEveryByte) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string value(1, static_cast<char>(byte));
    const std::string text = Text({{"a", value}});
    for (const char c : text) ASSERT_FALSE(c >= 0 && c < ' ') << byte;
    const std::string back = Json({{"a", value}})["a"];
    EXPECT_EQ(back, byte < 0x80 ? value : "\xEF\xBF\xBD") << byte;
  }
}

}  // namespace
}  // namespace ferry::log_line_test
