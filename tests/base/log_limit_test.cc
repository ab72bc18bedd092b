// LogLimit, by a clock that its test sets.

#include "server/base/log_limit.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace ferry::log_limit_test {
namespace {

TEST(LogLimitTest, WritesSomeLinesOfEachKeyAndCountsTheRest) {
  FakeClock clock;
  LogLimit limit(clock);
  for (int i = 0; i < LogLimit::kLinesMax; ++i) {
    EXPECT_EQ(limit.Take("a"), 0u);
  }
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limit.Take("a"), std::nullopt);
  EXPECT_EQ(limit.Take("b"), 0u);
  clock.Advance(LogLimit::kInterval);
  EXPECT_EQ(limit.Take("a"), 1000u);
  EXPECT_EQ(limit.Take("a"), 0u);
}

TEST(LogLimitTest, KeysWithoutEndShareOneCount) {
  FakeClock clock;
  LogLimit limit(clock);
  uint64_t written = 0;
  uint64_t left_out = 0;
  const auto take = [&](const std::string& key) {
    if (const auto told = limit.Take(key)) {
      ++written;
      left_out += *told;
    }
  };
  constexpr int kKeys = 100'000;
  for (int i = 0; i < kKeys; ++i) take(std::to_string(i));
  EXPECT_EQ(written, LogLimit::kKeysMax + LogLimit::kLinesMax);
  // Later there is room again, and nothing was forgotten.
  clock.Advance(LogLimit::kInterval);
  take("new");
  take("newer");
  EXPECT_EQ(written + left_out, kKeys + 2u);
}

}  // namespace
}  // namespace ferry::log_limit_test
