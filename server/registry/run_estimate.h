// A RunEstimate is what a run of a model on the cpu takes of late: the mean of
// its last twenty or so, each counted as kCountedMax at most.
//
// It says which requests are run by the thread that brings them: those that
// take less than waking another thread would.
//
// Threads:  thread-safe. Two that Add at a time may lose one another's: it is
//           an estimate.
// Units:    absl::Duration.
// Limits:   kShortMax, kCountedMax.

#ifndef SERVER_REGISTRY_RUN_ESTIMATE_H_
#define SERVER_REGISTRY_RUN_ESTIMATE_H_

#include <atomic>
#include <limits>

#include "absl/time/time.h"

namespace ferry {

class RunEstimate {
 public:
  static constexpr absl::Duration kShortMax = absl::Microseconds(50);
  // One run that a busy machine drew out says little about the next.
  static constexpr absl::Duration kCountedMax = absl::Microseconds(200);

  void Add(absl::Duration run);
  // What was is no guide any more: it runs elsewhere, say.
  void Forget() { seconds_ = kNone; }

  // Below kShortMax. False before the first.
  bool IsShort() const { return mean() < kShortMax; }
  // Infinite before the first.
  absl::Duration mean() const { return absl::Seconds(seconds_.load()); }

 private:
  static constexpr double kNone = std::numeric_limits<double>::infinity();

  std::atomic<double> seconds_{kNone};
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_RUN_ESTIMATE_H_
