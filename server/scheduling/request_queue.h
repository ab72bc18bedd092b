// A RequestQueue is what waits for the lanes of one device, in the order in
// which it was submitted, wherever it waited before.
//
// Requests of a model that stands still are passed over until it does not any
// more; they may leave meanwhile as all others may.
//
// A lane that sleeps can be borrowed: a thread that has just brought a short
// request runs it itself and saves two thread switches, many times what such a
// run takes. Between Borrow and GiveBack the borrower counts as a lane that
// runs.
//
// It has no limit of its own: every request in it holds an Admission, and the
// ModelTable bounds those.
//
// Owns:     nothing; requests belong to their submitters.
// Threads:  thread-safe. Pop blocks until there is something to run or Close.

#ifndef SERVER_SCHEDULING_REQUEST_QUEUE_H_
#define SERVER_SCHEDULING_REQUEST_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <optional>

#include "absl/base/thread_annotations.h"

#include "server/base/mutex.h"
#include "server/scheduling/infer_request.h"

namespace ferry {

class RequestQueue {
 public:
  RequestQueue() = default;

  RequestQueue(const RequestQueue&) = delete;
  RequestQueue& operator=(const RequestQueue&) = delete;

  // INVARIANT: not closed.
  void Push(InferRequest& request);

  // Null once closed and empty. The request counts as running until Ran.
  InferRequest* Pop();
  void Ran() { --load_; }

  // True when nothing waits, nobody else borrows and a lane sleeps, which then
  // sleeps on until GiveBack. Only one, so that however wrong somebody is about
  // a request being short, others go on reading from their sockets. Spins for
  // as long as a short run takes until one does: going to sleep, and being
  // woken, would take longer.
  bool Borrow();
  void GiveBack();

  // Takes out those that wait for a model that stands still; whoever calls this
  // owns their ends.
  std::deque<InferRequest*> TakeStill();
  // A model does not stand still any more.
  void LookAgain();

  // Takes one that waits out of its turn; false when it does not wait here.
  bool Remove(const InferRequest& request);

  // What is waiting now; whoever calls this owns the requests' ends.
  std::deque<InferRequest*> TakeAll();

  void Close();

  // Waiting and running now: a hint for choosing among devices.
  size_t load() const { return load_; }

 private:
  // A lane sleeps that is not lent.
  bool LaneIsFree() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return sleepers_ > (borrowed_ ? 1 : 0);
  }
  // As NextBatch says.
  std::optional<size_t> Next() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Says how things are to those who read without the lock.
  void Show() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::deque<InferRequest*> requests_ ABSL_GUARDED_BY(mutex_);
  size_t sleepers_ ABSL_GUARDED_BY(mutex_) = 0;
  bool borrowed_ ABSL_GUARDED_BY(mutex_) = false;  // One of the sleepers.
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<bool> empty_{true};
  std::atomic<size_t> load_{0};
  std::atomic<bool> lends_{false};  // Borrow would get a lane.
};

}  // namespace ferry

#endif  // SERVER_SCHEDULING_REQUEST_QUEUE_H_
