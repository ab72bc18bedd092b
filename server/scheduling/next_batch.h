// NextBatch() decides what a lane takes from its queue next: a batch, the
// requests that one forward runs together.
//
// For now a batch is one request: the first, in the order of submission, whose
// model does not stand still.
//
// Threads:  any; a pure function of a snapshot, which it reads as far as it
//           must.

#ifndef SERVER_SCHEDULING_NEXT_BATCH_H_
#define SERVER_SCHEDULING_NEXT_BATCH_H_

#include <cstddef>
#include <optional>

#include "absl/functional/function_ref.h"

namespace ferry {

// What the decision needs of a request in the queue.
struct WaitingRequest {
  bool stands_still = false;  // Nothing of its model may start.
};

// The place in the queue, of which `look` shows each of `count` requests;
// nothing when none may start.
std::optional<size_t> NextBatch(
    size_t count, absl::FunctionRef<WaitingRequest(size_t place)> look);

}  // namespace ferry

#endif  // SERVER_SCHEDULING_NEXT_BATCH_H_
