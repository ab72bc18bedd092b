// A MoveHistory is the last moves that have ended, each with its report.
//
// Threads:  thread-safe; its mutex is a leaf.
// Limits:   kMovesKept.

#ifndef SERVER_REGISTRY_MOVE_HISTORY_H_
#define SERVER_REGISTRY_MOVE_HISTORY_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "server/base/mutex.h"
#include "server/registry/model_state.h"

namespace ferry {

class MoveHistory {
 public:
  static constexpr size_t kMovesKept = 256;

  void Keep(MoveReport report);
  std::vector<MoveReport> Newest() const;  // The newest first.

 private:
  mutable Mutex mutex_;
  std::deque<MoveReport> reports_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVE_HISTORY_H_
