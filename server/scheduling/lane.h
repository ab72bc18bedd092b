// A Lane is how requests of clients run on one device: each of the device's
// lane threads pops one, runs its model and answers it, one at a time. Nobody
// else runs a model for a client.
//
// The model is pinned when a request starts, not when it is queued. A request
// whose model is no longer here, or stands still for a moment (stateful models
// do when they move), goes back to the Router and blocks no lane.
//
// A request that is known to be short may be run by the thread that brings it,
// while a thread of the lane's sleeps: that saves two thread switches, which
// cost several times such a run.
//
// Owns:     nothing. The router and the table outlive it.
// Threads:  thread-safe. Run is for the device's lane threads, RunHere for any.
// Fails:    through Done: DEADLINE_EXCEEDED on leaving the queue too late;
//           CANCELLED; INVALID_ARGUMENT where the inputs are why forward threw,
//           as far as anybody can tell; else what Instance::Run says.

#ifndef SERVER_SCHEDULING_LANE_H_
#define SERVER_SCHEDULING_LANE_H_

#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/devices/device.h"
#include "server/executors/instance.h"
#include "server/registry/model_table.h"
#include "server/scheduling/infer_request.h"
#include "server/scheduling/router.h"

namespace ferry {

class Lane {
 public:
  Lane(DeviceId device, Router& router, ModelTable& table);

  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  // What its thread does, until the device's queue is closed and empty.
  void Run();

  // As the lane, on the caller's thread; false when it does not sleep.
  bool RunHere(InferRequest& request);

 private:
  // A request that ran: the result may be views of what the pin holds.
  struct Execution {
    ModelTable::Pin pin;
    RunResult result;
    absl::Duration run;
    absl::Duration ran_at;  // Monotonic.
  };
  // Nothing when the model is no longer here, or stands still.
  using Outcome = absl::StatusOr<std::optional<Execution>>;

  // What the lane is needed for.
  Outcome Execute(InferRequest& request);
  absl::Status Explain(const InferRequest& request, const ModelTable::Pin& pin,
                       const absl::Status& failed);
  // What comes after it.
  void End(InferRequest& request, Outcome outcome);
  void Answer(InferRequest& request, Execution execution);

  const DeviceId device_;
  Router& router_;
  RequestQueue& queue_;  // The device's.
  ModelTable& table_;
};

}  // namespace ferry

#endif  // SERVER_SCHEDULING_LANE_H_
