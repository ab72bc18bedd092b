// A RequestQueue is what waits for the lanes of one device: first come, first
// served.
//
// A lane that sleeps can be borrowed: a thread that has just brought a short
// request runs it itself and saves two thread switches, many times what such a
// run takes. Between Borrow and GiveBack it counts as a lane that runs.
//
// It has no limit of its own: every request in it holds an Admission, and the
// ModelTable bounds those.
//
// Owns:     nothing; requests belong to their submitters.
// Threads:  thread-safe. Pop blocks until there is something or Close.

#ifndef SERVER_SCHEDULING_REQUEST_QUEUE_H_
#define SERVER_SCHEDULING_REQUEST_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <deque>

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

  // Null once closed and empty.
  InferRequest* Pop();

  // True when nothing waits and a lane sleeps, which then sleeps on until
  // GiveBack. The borrower runs its own request, then those of NextShort.
  bool Borrow();
  // The next one, if it is short; null when none is, and then the borrower
  // gives back.
  InferRequest* NextShort();
  void GiveBack();

  // `request` may be run by a borrower: of late its model took less than
  // kShortRunMax.
  static constexpr absl::Duration kShortRunMax = absl::Microseconds(50);
  static bool IsShort(const InferRequest& request) {
    return request.admission_.recent_run() < kShortRunMax;
  }

  // What is waiting now; whoever calls this owns the requests' ends.
  std::deque<InferRequest*> TakeAll();

  void Close();

  // Waiting now: a hint for choosing among devices.
  size_t size() const { return size_; }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<InferRequest*> requests_ ABSL_GUARDED_BY(mutex_);
  size_t sleepers_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t borrowed_ ABSL_GUARDED_BY(mutex_) = 0;  // Of the sleepers.
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::atomic<size_t> size_{0};
};

}  // namespace ferry

#endif  // SERVER_SCHEDULING_REQUEST_QUEUE_H_
