// An InferRequest is one request on its way to a lane and back.
//
// Whoever submits it derives from it, keeps what the inputs borrow alive, and
// is told the end by Done: exactly once, from a lane's thread (or from the
// caller of Submit when it was refused, or of Cancel).
//
// Owns:     its place in the queue. The tensors in `inputs` borrow from the
//           derived class.
// Threads:  one thread at a time: the submitter, then the lane; Cancel beside
//           either.
// Units:    absl times.

#ifndef SERVER_SCHEDULING_INFER_REQUEST_H_
#define SERVER_SCHEDULING_INFER_REQUEST_H_

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/devices/device.h"
#include "server/executors/instance.h"
#include "server/registry/model_table.h"

namespace ferry {

struct InferAnswer {
  const std::vector<NamedValue>& outputs;
  DeviceId device;
  int64_t version;  // Of the model that ran.
};

class InferRequest {
 public:
  virtual ~InferRequest() = default;

  // Set before Submit.
  std::string model;
  int64_t version = 0;  // 0: the one loaded.
  std::vector<NamedValue> inputs;
  std::vector<std::string> outputs;  // Names; empty: all.
  absl::Time deadline = absl::InfiniteFuture();
  // Of `model` and `version`. Whoever must know that they are here before it
  // makes `inputs` has taken it already; else Submit takes it.
  ModelTable::Admission admission;

  // The end. `answer` borrows, from `inputs` too: encode it before returning.
  // `this` may be destroyed in it.
  virtual void Done(const absl::StatusOr<InferAnswer>& answer) = 0;

 private:
  friend class Scheduler;
  friend class RequestQueue;
  absl::Duration submitted_at_;  // Monotonic.
  std::atomic<bool> cancelled_{false};
  int followed_ = 0;  // Devices it was sent on to.
};

}  // namespace ferry

#endif  // SERVER_SCHEDULING_INFER_REQUEST_H_
