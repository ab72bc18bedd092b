// PollUntil() waits for descriptors, or for a time.
//
// Threads:  any.
// Units:    absl::Duration of MonotonicNow().

#ifndef SERVER_BASE_POLL_UNTIL_H_
#define SERVER_BASE_POLL_UNTIL_H_

#include <poll.h>
#include <vector>

#include "absl/time/time.h"

namespace ferry {

// Until one of them is ready, or the time has come. May return before either.
void PollUntil(absl::Duration until, std::vector<pollfd>& ready);

}  // namespace ferry

#endif  // SERVER_BASE_POLL_UNTIL_H_
