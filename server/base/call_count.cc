#include "server/base/call_count.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"

namespace ferry {

CallCount::~CallCount() { INVARIANT(calls_ == 0); }

void CallCount::End() {
  if (--calls_ == 0 && waiting_) {
    MutexLock lock(mutex_);
    none_.NotifyAll();
  }
}

bool CallCount::WaitForNone(absl::Duration limit) {
  const absl::Duration until = MonotonicNow() + limit;
  MutexLock lock(mutex_);
  // Set before the count is read: whoever counts down to zero after that sees
  // it, and notifies.
  waiting_ = true;
  while (calls_ != 0) {
    const absl::Duration left = until - MonotonicNow();
    if (left <= absl::ZeroDuration()) break;
    none_.WaitFor(mutex_, left);
  }
  waiting_ = false;
  return calls_ == 0;
}

}  // namespace ferry
