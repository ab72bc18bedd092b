// NextBatch() decides what a lane takes from its queue next: a batch, the
// requests that one forward runs together.
//
// For now a batch is one request: the first, in the order of submission, whose
// model does not stand still.
//
// Threads:  any; a pure function of a snapshot.

#ifndef SERVER_SCHEDULING_NEXT_BATCH_H_
#define SERVER_SCHEDULING_NEXT_BATCH_H_

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <optional>
#include <ranges>

namespace ferry {

// What the decision needs of a request in the queue.
struct WaitingRequest {
  bool stands_still = false;  // Nothing of its model may start.
};

// Where it is in `waiting`, a range of WaitingRequests that may be made as they
// are read; nothing when none may start.
template <std::ranges::forward_range Queue>
std::optional<size_t> NextBatch(const Queue& waiting) {
  const auto next =
      std::ranges::find(waiting, false, &WaitingRequest::stands_still);
  if (next == std::ranges::end(waiting)) return std::nullopt;
  return static_cast<size_t>(
      std::ranges::distance(std::ranges::begin(waiting), next));
}

}  // namespace ferry

#endif  // SERVER_SCHEDULING_NEXT_BATCH_H_
