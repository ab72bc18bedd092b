#include "server/scheduling/request_queue.h"

#include "server/base/invariant.h"

namespace ferry {

void RequestQueue::Push(InferRequest& request) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    INVARIANT(!closed_);
    requests_.push_back(&request);
    size_ = requests_.size();
    wake = sleepers_ > 0;  // A system call only when somebody sleeps.
  }
  if (wake) changed_.NotifyOne();
}

InferRequest* RequestQueue::Pop() {
  MutexLock lock(mutex_);
  while (requests_.empty()) {
    if (closed_) return nullptr;
    ++sleepers_;
    changed_.Wait(mutex_);
    --sleepers_;
  }
  InferRequest* request = requests_.front();
  requests_.pop_front();
  size_ = requests_.size();
  return request;
}

std::deque<InferRequest*> RequestQueue::TakeAll() {
  MutexLock lock(mutex_);
  std::deque<InferRequest*> taken;
  taken.swap(requests_);
  size_ = 0;
  return taken;
}

void RequestQueue::Close() {
  {
    MutexLock lock(mutex_);
    closed_ = true;
  }
  changed_.NotifyAll();
}

}  // namespace ferry
