// A SimLink is the wire between the host and a simulated device: transfers
// queue up on it, each taking size / rate.
//
// Its time is modelled, not slept: Reserve() says when a transfer would end,
// and whoever did the copy waits until then. So the link runs at exactly its
// rate for as long as memory is faster than it.
//
// Owns:     nothing but its bookkeeping.
// Threads:  thread-safe.
// Units:    bytes; bytes per second; times on one monotonic clock.
// Limits:   kSlack, up to which a late caller loses nothing.

#ifndef SERVER_DEVICES_SIM_LINK_H_
#define SERVER_DEVICES_SIM_LINK_H_

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"

#include "server/base/mutex.h"

namespace ferry {

class SimLink {
 public:
  // A thread that comes back for its next chunk this soon after the link fell
  // idle was late, not done: the link is taken as busy without a gap.
  static constexpr absl::Duration kSlack = absl::Milliseconds(2);

  // 0: as fast as memory.
  explicit SimLink(double bytes_per_second)
      : bytes_per_second_(bytes_per_second) {}

  double bytes_per_second() const { return bytes_per_second_; }

  // When a transfer that is asked for at `now` ends, behind all before it.
  absl::Duration Reserve(absl::Duration now, uint64_t size_bytes)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Blocks until `end` of MonotonicNow().
  static void WaitUntil(absl::Duration end);

 private:
  const double bytes_per_second_;

  Mutex mutex_;
  absl::Duration free_at_ ABSL_GUARDED_BY(mutex_) = -absl::InfiniteDuration();
};

}  // namespace ferry

#endif  // SERVER_DEVICES_SIM_LINK_H_
