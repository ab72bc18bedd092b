#include "client/ctl/load_run.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/worker.h"

namespace ferry::client {
namespace {

// What all clients of one run share.
class Tally {
 public:
  void Count(const absl::StatusOr<InferAnswer>& answer,
             absl::Duration latency) {
    MutexLock lock(mutex_);
    ++summary_.requests;
    if (!answer.ok()) {
      ++summary_.failed;
      if (summary_.first_failure.ok()) {
        summary_.first_failure = answer.status();
      }
      return;
    }
    latencies_.push_back(latency);
    if (!first_) {
      first_ = answer->outputs;
    } else if (answer->outputs != *first_) {
      ++summary_.changed;
    }
  }

  LoadSummary Summary(absl::Duration elapsed) {
    MutexLock lock(mutex_);
    std::ranges::sort(latencies_);
    LoadSummary summary = summary_;
    summary.elapsed = elapsed;
    summary.p50 = Percentile(latencies_, 0.50);
    summary.p99 = Percentile(latencies_, 0.99);
    summary.slowest = Percentile(latencies_, 1);
    return summary;
  }

 private:
  Mutex mutex_;
  LoadSummary summary_ ABSL_GUARDED_BY(mutex_);
  std::vector<absl::Duration> latencies_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::vector<NamedValue>> first_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::Duration Percentile(const std::vector<absl::Duration>& sorted,
                          double share) {
  if (sorted.empty()) return absl::ZeroDuration();
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  const auto index = static_cast<size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

LoadSummary RunLoad(const LoadRun& run,
                    const std::function<absl::StatusOr<InferAnswer>()>& ask,
                    const std::stop_token& stop) {
  Tally tally;
  const Stopwatch whole;
  std::atomic<int64_t> asked = 0;
  const auto goes_on = [&] {
    if (stop.stop_requested() || whole.Elapsed() >= run.duration_max) {
      return false;
    }
    return run.requests_max == 0 || asked.fetch_add(1) < run.requests_max;
  };
  const auto client = [&] {
    while (goes_on()) {
      const Stopwatch one;
      const absl::StatusOr<InferAnswer> answer = ask();
      tally.Count(answer, one.Elapsed());
    }
  };
  {
    std::vector<std::unique_ptr<Worker>> workers;
    for (int i = 0; i < run.clients; ++i) {
      workers.push_back(
          std::make_unique<Worker>(absl::StrCat("client-", i), client));
    }
  }  // Joins them.
  return tally.Summary(whole.Elapsed());
}

}  // namespace ferry::client
