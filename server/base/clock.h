// MonotonicNow() is the time since some moment that is the same for the life of
// the process. It never runs backwards: deadlines and waits are counted with
// it. The time of day is absl::Now(), which an operator may set.
//
// A decision takes a time instead of asking for it, so that its test can.
//
// Threads:  any; a Stopwatch is as safe as any value.
// Units:    absl::Duration.

#ifndef SERVER_BASE_CLOCK_H_
#define SERVER_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace ferry {

absl::Duration MonotonicNow();

// Measures, for reports.
class Stopwatch {
 public:
  Stopwatch() : start_(MonotonicNow()) {}

  absl::Duration Elapsed() const { return MonotonicNow() - start_; }

  // The time since the start or the last Lap(), and starts anew.
  absl::Duration Lap() {
    const absl::Duration now = MonotonicNow();
    const absl::Duration elapsed = now - start_;
    start_ = now;
    return elapsed;
  }

 private:
  absl::Duration start_;
};

}  // namespace ferry

#endif  // SERVER_BASE_CLOCK_H_
