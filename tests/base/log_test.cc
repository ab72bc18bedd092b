// Lines as they reach stderr, caught by the test framework.

#include "server/base/log.h"

#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "server/base/worker.h"

namespace ferry::log_test {
namespace {

class LogTest : public testing::Test {
 protected:
  void TearDown() override { SetLog(LogFormat::kText, LogLevel::kInfo); }
};

TEST_F(LogTest, DropsLinesBelowTheLowestLevel) {
  SetLog(LogFormat::kText, LogLevel::kWarning);
  testing::internal::CaptureStderr();
  Log(LogLevel::kInfo, "quiet");
  Log(LogLevel::kWarning, "loud", {{"a", 1}});
  const std::string output = testing::internal::GetCapturedStderr();
  EXPECT_EQ(output.find("quiet"), std::string::npos) << output;
  EXPECT_NE(output.find("WARN  loud a=1\n"), std::string::npos) << output;
}

TEST_F(LogTest, WritesJsonWhenAsked) {
  SetLog(LogFormat::kJson, LogLevel::kDebug);
  testing::internal::CaptureStderr();
  Log(LogLevel::kDebug, "event {} %s", {{"braces", "{}"}});
  const nlohmann::json line =
      nlohmann::json::parse(testing::internal::GetCapturedStderr());
  EXPECT_EQ(line["event"], "event {} %s");
  EXPECT_EQ(line["braces"], "{}");
  EXPECT_EQ(line["level"], "debug");
}

TEST_F(LogTest, NeverCutsALineWithAnother) {
  SetLog(LogFormat::kJson, LogLevel::kInfo);
  testing::internal::CaptureStderr();
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (int i = 0; i < 4; ++i) {
      workers.push_back(std::make_unique<Worker>("log", [] {
        for (int line = 0; line < 200; ++line) {
          Log(LogLevel::kInfo, "line", {{"text", std::string(200, 'x')}});
        }
      }));
    }
  }
  std::istringstream output(testing::internal::GetCapturedStderr());
  int lines = 0;
  for (std::string line; std::getline(output, line); ++lines) {
    ASSERT_TRUE(nlohmann::json::accept(line)) << line;
  }
  EXPECT_EQ(lines, 800);
}

}  // namespace
}  // namespace ferry::log_test
