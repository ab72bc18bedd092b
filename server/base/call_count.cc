#include "server/base/call_count.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"

namespace ferry {

CallCount::~CallCount() { INVARIANT(calls_ == 0); }

void CallCount::End() {
  int64_t calls = calls_;
  while (calls > 1) {
    if (calls_.compare_exchange_weak(calls, calls - 1)) return;
  }
  // Perhaps the last. Whoever waits may destroy the count as soon as it is
  // none: not before this has left it.
  MutexLock lock(mutex_);
  if (--calls_ == 0) none_.NotifyAll();
}

bool CallCount::WaitForNone(absl::Duration limit) {
  const absl::Duration until = MonotonicNow() + limit;
  MutexLock lock(mutex_);
  while (calls_ != 0) {
    const absl::Duration left = until - MonotonicNow();
    if (left <= absl::ZeroDuration()) return false;
    none_.WaitFor(mutex_, left);
  }
  return true;
}

}  // namespace ferry
