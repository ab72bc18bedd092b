// An InferRequest is one request on its way to a lane and back: what is asked,
// its place in its model's queue, and how far it has come.
//
// Whoever brings requests, one for each call or many over a stream, derives
// from it, keeps what the inputs borrow alive, and is told the end by Done:
// exactly once. That is on a lane's thread; in Submit, when it was refused; in
// Cancel or Drain; or where a model changed that no device serves any more.
// Whatever the end, it is counted here, if the request has an admission.
//
// Owns:     its admission, from before Submit to its end. The tensors in
//           `inputs` borrow from the derived class.
// Threads:  one thread at a time: the submitter, then the lane; Cancel beside
//           either.
// Units:    absl::Duration, of the monotonic clock.
// Fails:    DEADLINE_EXCEEDED, CANCELLED when it need not run any more.
// Limits:   kFollowMax devices that it is sent on to.

#ifndef SERVER_SCHEDULING_INFER_REQUEST_H_
#define SERVER_SCHEDULING_INFER_REQUEST_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "server/base/call_count.h"
#include "server/devices/device.h"
#include "server/registry/model_table.h"
#include "server/values/value.h"

namespace ferry {

struct InferAnswer {
  const std::vector<NamedValue>& outputs;
  DeviceId device;
  int64_t version;  // Of the model that ran.
};

class InferRequest {
 public:
  static constexpr int kFollowMax = 64;

  virtual ~InferRequest() = default;

  // Set before Submit.
  ModelTable::Admission admission;  // Of the model that is to run.
  std::vector<NamedValue> inputs;
  std::vector<std::string> outputs;  // Names; empty: all.
  absl::Duration deadline = absl::InfiniteDuration();

  void Submitted(absl::Duration now, CallCount::Call accepted);
  absl::Duration submitted_at() const { return submitted_at_; }

  // Its model stands still: it may wait, but not start.
  bool stands_still() const { return admission.stands_still(); }

  // Whoever asked is gone.
  void Cancel() { cancelled_ = true; }
  // Why it need not run any more, or OK.
  absl::Status GivenUp(absl::Duration now) const;

  // It is sent on to another device; false when it was too often.
  bool Follow() { return ++followed_ <= kFollowMax; }

  // The end of one that did not run, or whose run failed: its place in the
  // queue is free before whoever brought it hears of it. `this` may be gone
  // afterwards.
  void Fail(const absl::Status& status);

  // What it holds until nothing of its run is left. Goes from the last to the
  // first.
  struct Held {
    CallCount::Call accepted;
    ModelTable::Admission admission;
  };
  // The end of one that ran; what `answer` borrows from needs what is returned.
  // `this` may be gone afterwards.
  [[nodiscard]] Held Answer(const InferAnswer& answer);

 protected:
  // Writes down `answer`, which borrows, from `inputs` too, and goes next.
  virtual absl::Status Encode(const InferAnswer& answer) = 0;
  // The end. `this` may be destroyed in it.
  virtual void Done(const absl::Status& status) = 0;

 private:
  CallCount::Call accepted_;
  absl::Duration submitted_at_;
  std::atomic<bool> cancelled_{false};
  int followed_ = 0;
};

}  // namespace ferry

#endif  // SERVER_SCHEDULING_INFER_REQUEST_H_
