// A FakeClock is a Clock that stands still until a test moves it.
//
// Threads:  thread-safe.

#ifndef TESTS_SUPPORT_FAKE_CLOCK_H_
#define TESTS_SUPPORT_FAKE_CLOCK_H_

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace ferry {

class FakeClock final : public Clock {
 public:
  absl::Time Now() const override {
    MutexLock lock(mutex_);
    return absl::FromUnixSeconds(1767225600) + passed_;  // 2026-01-01, UTC.
  }
  absl::Duration Monotonic() const override {
    MutexLock lock(mutex_);
    return passed_;
  }

  void Advance(absl::Duration step) {
    MutexLock lock(mutex_);
    passed_ += step;
  }

 private:
  mutable Mutex mutex_;
  absl::Duration passed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // TESTS_SUPPORT_FAKE_CLOCK_H_
