#include "server/devices/sim_link.h"

#include "server/base/clock.h"

namespace ferry {

absl::Duration SimLink::Reserve(absl::Duration now, uint64_t size_bytes) {
  if (bytes_per_second_ <= 0) return now;
  const absl::Duration length =
      absl::Seconds(static_cast<double>(size_bytes) / bytes_per_second_);

  MutexLock lock(mutex_);
  const absl::Duration start = free_at_ >= now - kSlack ? free_at_ : now;
  free_at_ = start + length;
  return free_at_;
}

void SimLink::WaitUntil(absl::Duration end) {
  Mutex mutex;
  CondVar never;  // Nobody notifies it: only the time ends the wait.
  MutexLock lock(mutex);
  for (absl::Duration left = end - MonotonicNow(); left > absl::ZeroDuration();
       left = end - MonotonicNow()) {
    never.WaitFor(mutex, left);
  }
}

}  // namespace ferry
