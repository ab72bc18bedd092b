#include "server/scheduling/request_queue.h"

#include <algorithm>

#include "server/base/clock.h"
#include "server/base/invariant.h"
#include "server/scheduling/next_batch.h"

namespace ferry {
namespace {

constexpr absl::Duration kBorrowWaitMax = absl::Microseconds(20);

}  // namespace

void RequestQueue::Show() {
  empty_ = requests_.empty();
  lends_ = requests_.empty() && sleepers_ > 0 && !borrowed_;
}

void RequestQueue::Push(InferRequest& request) {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    INVARIANT(!closed_);
    requests_.insert(std::ranges::upper_bound(requests_, request.submitted_at(),
                                              {}, &InferRequest::submitted_at),
                     &request);
    ++load_;
    Show();
    // A system call only when somebody sleeps.
    wake = LaneIsFree();
  }
  if (wake) changed_.NotifyOne();
}

InferRequest* RequestQueue::Pop() {
  MutexLock lock(mutex_);
  ++sleepers_;
  Show();
  while (!closed_ || !requests_.empty()) {
    const auto next = LaneIsFree() ? Next() : std::nullopt;
    if (next.has_value()) {
      const auto place = requests_.begin() + static_cast<ptrdiff_t>(*next);
      InferRequest* const request = *place;
      requests_.erase(place);
      --sleepers_;
      Show();
      return request;
    }
    changed_.Wait(mutex_);
  }
  --sleepers_;
  Show();
  return nullptr;
}

std::optional<size_t> RequestQueue::Next() const {
  return NextBatch(
      requests_.size(),
      [this](size_t place) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return WaitingRequest{.stands_still = requests_[place]->stands_still()};
      });
}

std::deque<InferRequest*> RequestQueue::TakeStill() {
  MutexLock lock(mutex_);
  const auto still = std::stable_partition(
      requests_.begin(), requests_.end(),
      [](const InferRequest* request) { return !request->stands_still(); });
  std::deque<InferRequest*> taken(still, requests_.end());
  requests_.erase(still, requests_.end());
  load_ -= taken.size();
  Show();
  return taken;
}

void RequestQueue::LookAgain() {
  {
    MutexLock lock(mutex_);
    if (requests_.empty()) return;
  }
  changed_.NotifyAll();
}

bool RequestQueue::Borrow() {
  const absl::Duration until = MonotonicNow() + kBorrowWaitMax;
  do {
    if (!empty_) return false;
    if (!lends_) continue;
    MutexLock lock(mutex_);
    if (!lends_) continue;
    borrowed_ = true;
    ++load_;
    Show();
    return true;
  } while (MonotonicNow() < until);
  return false;
}

void RequestQueue::GiveBack() {
  bool wake = false;
  {
    MutexLock lock(mutex_);
    INVARIANT(borrowed_);
    borrowed_ = false;
    --load_;
    Show();
    wake = !requests_.empty() || closed_;
  }
  if (wake) changed_.NotifyOne();
}

bool RequestQueue::Remove(const InferRequest& request) {
  MutexLock lock(mutex_);
  const auto found = std::ranges::find(requests_, &request);
  if (found == requests_.end()) return false;
  requests_.erase(found);
  --load_;
  Show();
  return true;
}

std::deque<InferRequest*> RequestQueue::TakeAll() {
  MutexLock lock(mutex_);
  std::deque<InferRequest*> taken;
  taken.swap(requests_);
  load_ -= taken.size();
  Show();
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
