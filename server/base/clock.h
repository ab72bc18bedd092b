// A Clock tells the time of day and the time that has passed.
//
// Whoever compares times takes a Clock&, so that its test can own time:
// RealClock in the daemon, FakeClock (tests/support/fake_clock.h) in tests. A
// Stopwatch only measures, for reports, and always reads the real one.
//
// Threads:  thread-safe; a Stopwatch is as safe as any value.
// Units:    absl::Time and absl::Duration.

#ifndef SERVER_BASE_CLOCK_H_
#define SERVER_BASE_CLOCK_H_

#include "absl/time/time.h"

namespace ferry {

class Clock {
 public:
  virtual ~Clock() = default;

  // The time of day, which an operator may set forward or back.
  virtual absl::Time Now() const = 0;

  // Since some moment that is the same for the life of the process. It never
  // runs backwards: deadlines and waits are counted with it.
  virtual absl::Duration Monotonic() const = 0;
};

class RealClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Monotonic() const override;
};

class Stopwatch {
 public:
  Stopwatch() : start_(RealClock().Monotonic()) {}

  absl::Duration Elapsed() const { return RealClock().Monotonic() - start_; }

  // The time since the start or the last Lap(), and starts anew.
  absl::Duration Lap() {
    const absl::Duration now = RealClock().Monotonic();
    const absl::Duration elapsed = now - start_;
    start_ = now;
    return elapsed;
  }

 private:
  absl::Duration start_;
};

}  // namespace ferry

#endif  // SERVER_BASE_CLOCK_H_
