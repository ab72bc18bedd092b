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
    wake = sleepers_ > borrowed_;  // A system call only when somebody sleeps.
  }
  if (wake) changed_.NotifyOne();
}

InferRequest* RequestQueue::Pop() {
  MutexLock lock(mutex_);
  ++sleepers_;
  while (requests_.empty() || sleepers_ <= borrowed_) {
    if (closed_ && requests_.empty()) break;
    changed_.Wait(mutex_);
  }
  --sleepers_;
  if (requests_.empty()) return nullptr;
  InferRequest* request = requests_.front();
  requests_.pop_front();
  size_ = requests_.size();
  return request;
}

bool RequestQueue::Borrow() {
  MutexLock lock(mutex_);
  if (!requests_.empty() || sleepers_ <= borrowed_) return false;
  ++borrowed_;
  return true;
}

InferRequest* RequestQueue::NextShort() {
  MutexLock lock(mutex_);
  if (requests_.empty() || !IsShort(*requests_.front())) return nullptr;
  InferRequest* request = requests_.front();
  requests_.pop_front();
  size_ = requests_.size();
  return request;
}

void RequestQueue::GiveBack() {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    INVARIANT(borrowed_ > 0);
    --borrowed_;
    wake = !requests_.empty() || closed_;
  }
  if (wake) changed_.NotifyOne();
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
