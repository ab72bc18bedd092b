// LogLimit, at times that its test sets.

#include "server/base/log_limit.h"

#include <string>

#include <gtest/gtest.h>

namespace ferry::log_limit_test {
namespace {

TEST(LogLimitTest, WritesSomeLinesOfEachKeyAndCountsTheRest) {
  LogLimit limit;
  absl::Duration now;
  for (int i = 0; i < LogLimit::kLinesMax; ++i) {
    EXPECT_EQ(limit.Take("a", now), 0u);
  }
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.Take("a", now), std::nullopt);
  EXPECT_EQ(limit.Take("b", now), 0u);
  now += LogLimit::kInterval;
  EXPECT_EQ(limit.Take("a", now), 1000u);
  EXPECT_EQ(limit.Take("a", now), 0u);
}

TEST(LogLimitTest, KeysWithoutEndShareOneCount) {
  LogLimit limit;
  absl::Duration now;
  uint64_t written = 0;
  uint64_t left_out = 0;
  const auto take = [&](const std::string& key) {
    if (const auto told = limit.Take(key, now)) {
      ++written;
      left_out += *told;
    }
  };
  constexpr int kKeys = 100'000;
  for (int i = 0; i < kKeys; ++i) take(std::to_string(i));
  EXPECT_EQ(written, LogLimit::kKeysMax + LogLimit::kLinesMax);
  // Later there is room again, and nothing was forgotten.
  now += LogLimit::kInterval;
  take("new");
  take("newer");
  EXPECT_EQ(written + left_out, kKeys + 2u);
}

}  // namespace
}  // namespace ferry::log_limit_test
