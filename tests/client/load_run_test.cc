// RunLoad with answers made up on the spot: what is counted, and what ends it.

#include "client/ctl/load_run.h"

#include <atomic>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::client::load_run_test {
namespace {

InferAnswer Answer(int64_t number) {
  return {.model = "m", .outputs = {{"y", {number}}}, .device = "cpu"};
}

TEST(LoadRunTest, AsksExactlyAsOftenAsItShallWithManyClients) {
  std::atomic<int> asked = 0;
  const LoadSummary summary = RunLoad({.requests_max = 100, .clients = 7},
                                      [&]() -> absl::StatusOr<InferAnswer> {
                                        ++asked;
                                        return Answer(1);
                                      },
                                      {});
  EXPECT_EQ(asked, 100);
  EXPECT_EQ(summary.requests, 100);
  EXPECT_EQ(summary.failed, 0);
  EXPECT_EQ(summary.changed, 0);
  EXPECT_THAT(summary.first_failure, IsOk());
  EXPECT_LE(summary.p50, summary.p99);
  EXPECT_LE(summary.p99, summary.slowest);
}

TEST(LoadRunTest, CountsFailuresAndAnswersThatDiffer) {
  int asked = 0;
  const LoadSummary summary = RunLoad(
      {.requests_max = 10},
      [&]() -> absl::StatusOr<InferAnswer> {
        ++asked;
        if (asked % 5 == 0) {
          return absl::ResourceExhaustedError(asked == 5 ? "first" : "later");
        }
        return Answer(asked < 8 ? 1 : 2);
      },
      {});
  EXPECT_EQ(summary.requests, 10);
  EXPECT_EQ(summary.failed, 2);
  EXPECT_EQ(summary.changed, 2);
  EXPECT_EQ(summary.first_failure, absl::ResourceExhaustedError("first"));
}

TEST(LoadRunTest, AStopEndsItBetweenRequests) {
  std::stop_source stop;
  int asked = 0;
  const LoadSummary summary = RunLoad(
      {},
      [&]() -> absl::StatusOr<InferAnswer> {
        if (++asked == 3) stop.request_stop();
        return Answer(1);
      },
      stop.get_token());
  EXPECT_EQ(summary.requests, 3);
  EXPECT_EQ(summary.failed, 0);
}

TEST(LoadRunTest, ADurationEndsIt) {
  const LoadSummary summary =
      RunLoad({.duration_max = absl::Milliseconds(1)},
              []() -> absl::StatusOr<InferAnswer> { return Answer(1); }, {});
  EXPECT_GE(summary.elapsed, absl::Milliseconds(1));
  const LoadSummary none =
      RunLoad({.duration_max = absl::ZeroDuration()},
              []() -> absl::StatusOr<InferAnswer> { return Answer(1); }, {});
  EXPECT_EQ(none.requests, 0);
  EXPECT_EQ(none.p99, absl::ZeroDuration());
}

TEST(LoadRunTest, PercentilesAreByNearestRank) {
  std::vector<absl::Duration> sorted;
  EXPECT_EQ(Percentile(sorted, 0.5), absl::ZeroDuration());
  for (int i = 1; i <= 100; ++i) sorted.push_back(absl::Seconds(i));
  EXPECT_EQ(Percentile(sorted, 0.50), absl::Seconds(50));
  EXPECT_EQ(Percentile(sorted, 0.99), absl::Seconds(99));
  EXPECT_EQ(Percentile(sorted, 1), absl::Seconds(100));
  EXPECT_EQ(Percentile(sorted, 0), absl::Seconds(1));
}

}  // namespace
}  // namespace ferry::client::load_run_test
