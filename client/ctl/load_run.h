// A LoadRun asks the same question many times and counts how it was answered.
//
// Threads:  RunLoad blocks; its own workers ask, each one request at a time.
// Units:    absl durations.
// Limits:   kClientsMax workers.

#ifndef CLIENT_CTL_LOAD_RUN_H_
#define CLIENT_CTL_LOAD_RUN_H_

#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "client/client.h"

namespace ferry::client {

struct LoadRun {
  static constexpr int kClientsMax = 256;

  // It ends at the first of these, or by `stop`.
  int64_t requests_max = 0;  // 0: no such end.
  absl::Duration duration_max = absl::InfiniteDuration();
  int clients = 1;
};

struct LoadSummary {
  int64_t requests = 0;
  int64_t failed = 0;
  // Answers that are not, bit for bit, the first one that came. A model that
  // keeps state, or moves between kinds of hardware, has such.
  int64_t changed = 0;
  absl::Duration elapsed;
  // Of the answers, without the failures; zero when there is none.
  absl::Duration p50;
  absl::Duration p99;
  absl::Duration slowest;
  absl::Status first_failure;
};

// The value below which `share` of `sorted` lies; zero of nothing.
absl::Duration Percentile(const std::vector<absl::Duration>& sorted,
                          double share);

LoadSummary RunLoad(const LoadRun& run,
                    const std::function<absl::StatusOr<InferAnswer>()>& ask,
                    const std::stop_token& stop);

}  // namespace ferry::client

#endif  // CLIENT_CTL_LOAD_RUN_H_
