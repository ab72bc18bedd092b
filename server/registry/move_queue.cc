#include "server/registry/move_queue.h"

#include <algorithm>

namespace ferry {

void MoveQueue::Add(Entry& entry) {
  MutexLock lock(mutex_);
  not_begun_.push_back(&entry);
  changed_.NotifyOne();
}

void MoveQueue::Resume(Entry& entry) {
  MutexLock lock(mutex_);
  resumed_.push_back(&entry);
  changed_.NotifyOne();
}

MoveQueue::Entry* MoveQueue::Take() {
  MutexLock lock(mutex_);
  while (resumed_.empty() && not_begun_.empty() && !closed_) {
    changed_.Wait(mutex_);
  }
  std::deque<Entry*>& from = resumed_.empty() ? not_begun_ : resumed_;
  if (from.empty()) return nullptr;
  Entry* const taken = from.front();
  from.pop_front();
  return taken;
}

bool MoveQueue::Remove(const Entry& entry) {
  MutexLock lock(mutex_);
  return std::erase(not_begun_, &entry) > 0;
}

size_t MoveQueue::not_begun() const {
  MutexLock lock(mutex_);
  return not_begun_.size();
}

void MoveQueue::Close() {
  MutexLock lock(mutex_);
  closed_ = true;
  changed_.NotifyAll();
}

}  // namespace ferry
