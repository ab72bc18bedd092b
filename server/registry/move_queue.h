// A MoveQueue is the moves that could go on at once and wait for a mover.
//
// A move that waits for requests to end is in no queue and holds no mover:
// whoever lets the last of them go calls Resume, and it goes on before those
// that have not begun, which would only take more memory. The queue knows
// nothing of models.
//
// Owns:     nothing: an Entry belongs to whoever added it, and is taken out
//           before it dies.
// Threads:  thread-safe; its mutex is a leaf. Take blocks until there is
//           something or Close.

#ifndef SERVER_REGISTRY_MOVE_QUEUE_H_
#define SERVER_REGISTRY_MOVE_QUEUE_H_

#include <cstddef>
#include <deque>

#include "absl/base/thread_annotations.h"

#include "server/base/mutex.h"

namespace ferry {

class MoveQueue {
 public:
  struct Entry {};  // What waits derives from it.

  MoveQueue() = default;

  MoveQueue(const MoveQueue&) = delete;
  MoveQueue& operator=(const MoveQueue&) = delete;

  // One that has not begun. First come, first served.
  void Add(Entry& entry);

  // One that a mover has let go of: in front of those that have not begun.
  void Resume(Entry& entry);

  // The next, which the caller has for itself from now on. Null once closed and
  // empty.
  Entry* Take();

  // Takes one out that has not begun; false when it is not here.
  bool Remove(const Entry& entry);

  size_t not_begun() const;

  void Close();

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<Entry*> resumed_ ABSL_GUARDED_BY(mutex_);
  std::deque<Entry*> not_begun_ ABSL_GUARDED_BY(mutex_);
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVE_QUEUE_H_
