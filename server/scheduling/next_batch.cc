#include "server/scheduling/next_batch.h"

namespace ferry {

std::optional<size_t> NextBatch(
    size_t count, absl::FunctionRef<WaitingRequest(size_t place)> look) {
  for (size_t place = 0; place < count; ++place) {
    if (!look(place).stands_still) return place;
  }
  return std::nullopt;
}

}  // namespace ferry
