// A Scheduler runs requests on lanes: a queue for each device, and one or more
// threads ("lanes") that run what is in it. Here a request comes in, is called
// off, and is waited for; where it goes is the Router's to say, and what
// happens to it there the Lane's.
//
// A request for the cpu whose model takes a few microseconds is run by the
// thread that submits it, while a lane is idle.
//
// Owns:     the lanes, their threads and the queues; a queued request is owned
//           by its submitter and must live until Done. The table outlives it.
// Threads:  thread-safe. Submit waits for another request for some microseconds
//           at most, and runs models itself only as said, one thread at a time.
//           Done is called as infer_request.h says.
// Units:    absl times.
// Fails:    through Done: UNAVAILABLE while draining; else as Router and Lane.
// Limits:   none of its own: a request has its Admission, and the ModelTable
//           bounds those.

#ifndef SERVER_SCHEDULING_SCHEDULER_H_
#define SERVER_SCHEDULING_SCHEDULER_H_

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"

#include "server/base/call_count.h"
#include "server/base/worker.h"
#include "server/devices/device.h"
#include "server/registry/model_table.h"
#include "server/scheduling/infer_request.h"
#include "server/scheduling/lane.h"
#include "server/scheduling/router.h"

namespace ferry {

class Scheduler {
 public:
  Scheduler(const std::vector<Device*>& devices, int lanes_per_device,
            ModelTable& table);
  ~Scheduler();  // Drains without limit.

  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // INVARIANT: it has its admission.
  void Submit(InferRequest& request);

  // Whoever asked is gone: a request that has not started ends without running,
  // at once when it waits for a lane; one that runs is let be. From any thread,
  // as long as `request` lives.
  void Cancel(InferRequest& request);

  // Refuses requests from now on.
  void Refuse() { draining_ = true; }

  // Refuses requests and waits until those accepted have ended or `limit` is
  // over; then those still queued end with UNAVAILABLE. True when all of them
  // ran.
  bool Drain(absl::Duration limit);

 private:
  CallCount accepted_;  // Requests that have not ended.
  std::atomic<bool> draining_{false};
  Router router_;
  std::map<DeviceId, Lane> lanes_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<ModelTable::Watch> watch_;
};

}  // namespace ferry

#endif  // SERVER_SCHEDULING_SCHEDULER_H_
