// RunInBackground() has long work done on a thread that leaves processors to
// those who serve.
//
// Whoever calls it only waits, decides and tells: it takes locks and writes to
// clients, so it must never be kept from going on. `work` may do neither.
//
// Threads:  any; blocks the caller until `work` has ended.
// Limits:   kTellInterval.

#ifndef SERVER_REGISTRY_BACKGROUND_H_
#define SERVER_REGISTRY_BACKGROUND_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace ferry {

inline constexpr absl::Duration kTellInterval = absl::Milliseconds(100);

// `meanwhile` is called on the caller's thread, every kTellInterval.
absl::Status RunInBackground(const std::function<absl::Status()>& work,
                             const std::function<void()>& meanwhile);

}  // namespace ferry

#endif  // SERVER_REGISTRY_BACKGROUND_H_
