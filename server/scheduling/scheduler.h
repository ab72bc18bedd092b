// A Scheduler runs requests on lanes: a queue for each device, and one or more
// threads ("lanes") that are the only ones to run a model for a client.
//
// The model is pinned when a request starts, not when it is queued. A request
// whose model has moved on in the meantime follows it to its new device. One
// whose model stands still for a moment (stateful models do when they move)
// goes back to its queue and blocks no lane; when the model goes on elsewhere,
// all that wait for it are there before it runs, in the order of submission.
//
// A model on several devices is run by the one with the least to do.
//
// A request for the cpu whose model takes a few microseconds is run by the
// thread that submits it, while a lane is idle: it borrows the lane. That saves
// two thread switches, which cost ten times such a run.
//
// Owns:     the lanes' threads and the queues; a queued request is owned by its
//           submitter and must live until Done.
// Threads:  thread-safe. Submit waits for another request for some microseconds
//           at most, and runs models itself only as said, one thread at a time.
//           Done is called on a lane, in Submit or in Cancel.
// Units:    absl times.
// Fails:    through Done: DEADLINE_EXCEEDED on leaving the queue too late;
//           CANCELLED; UNAVAILABLE while draining, or when the model's devices
//           have failed; FAILED_PRECONDITION when none serves it any more; what
//           Instance::Run says.
// Limits:   none of its own: a request has its Admission, and the ModelTable
//           bounds those.

#ifndef SERVER_SCHEDULING_SCHEDULER_H_
#define SERVER_SCHEDULING_SCHEDULER_H_

#include <memory>
#include <vector>

#include "absl/time/time.h"

#include "server/devices/device.h"
#include "server/registry/model_table.h"
#include "server/scheduling/infer_request.h"

namespace ferry {

class Scheduler {
 public:
  Scheduler(const std::vector<Device*>& devices, int lanes_per_device,
            ModelTable& table);
  ~Scheduler();  // Drains without limit.

  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  void Submit(InferRequest& request);

  // Whoever asked is gone: a request that has not started ends without running,
  // at once when it waits for a lane; one that runs is let be. From any thread,
  // as long as `request` lives.
  void Cancel(InferRequest& request);

  // Refuses requests from now on.
  void Refuse();

  // Refuses requests and waits until those accepted have ended or `limit` is
  // over; then those still queued end with UNAVAILABLE. True when all of them
  // ran.
  bool Drain(absl::Duration limit);

 private:
  struct Lanes;
  std::unique_ptr<Lanes> lanes_;
};

}  // namespace ferry

#endif  // SERVER_SCHEDULING_SCHEDULER_H_
