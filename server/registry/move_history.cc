#include "server/registry/move_history.h"

#include <utility>

namespace ferry {

void MoveHistory::Keep(MoveReport report) {
  MutexLock lock(mutex_);
  reports_.push_front(std::move(report));
  if (reports_.size() > kMovesKept) reports_.pop_back();
}

std::vector<MoveReport> MoveHistory::Newest() const {
  MutexLock lock(mutex_);
  return {reports_.begin(), reports_.end()};
}

}  // namespace ferry
