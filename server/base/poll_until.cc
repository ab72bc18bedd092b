#include "server/base/poll_until.h"

#include <algorithm>
#include <cstdint>

#include "server/base/clock.h"

namespace ferry {

void PollUntil(absl::Duration until, std::vector<pollfd>& ready) {
  constexpr int64_t kWaitMaxMs = 60'000;
  const int64_t left_ms =
      until == absl::InfiniteDuration()
          ? kWaitMaxMs
          : absl::ToInt64Milliseconds(
                absl::Ceil(until - MonotonicNow(), absl::Milliseconds(1)));
  const int64_t wait_ms = std::clamp<int64_t>(left_ms, 0, kWaitMaxMs);
  if (::poll(ready.data(), ready.size(), static_cast<int>(wait_ms)) >= 0) {
    return;
  }
  for (pollfd& one : ready) one.revents = 0;  // Interrupted.
}

}  // namespace ferry
