#include "server/base/clock.h"

#include <chrono>

namespace ferry {

absl::Duration MonotonicNow() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

}  // namespace ferry
