// A Router is where requests wait: a queue for the lanes of each device, and
// the way of a request into one of them.
//
// A request whose model has moved on in the meantime follows it to its new
// device. When a model that stood still goes on elsewhere, all that wait for it
// are there before it runs, in the order of submission.
//
// Owns:     the queues; a request in one is its submitter's. The table outlives
//           it.
// Threads:  thread-safe; nothing waits.
// Fails:    through Done: UNAVAILABLE, DATA_LOSS, FAILED_PRECONDITION when the
//           model serves nowhere, as ModelTable; ABORTED when it moves faster
//           than the request can follow.

#ifndef SERVER_SCHEDULING_ROUTER_H_
#define SERVER_SCHEDULING_ROUTER_H_

#include <atomic>
#include <cstddef>
#include <map>
#include <vector>

#include "server/devices/device.h"
#include "server/registry/model_table.h"
#include "server/scheduling/infer_request.h"
#include "server/scheduling/request_queue.h"

namespace ferry {

class Router {
 public:
  Router(const std::vector<Device*>& devices, ModelTable& table);

  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  RequestQueue& QueueOf(DeviceId device) { return queues_.at(device); }

  // Into the queue of a device that serves its model, or to its end.
  void Route(InferRequest& request);
  // The same again, for one whose model was not where it waited.
  void Follow(InferRequest& request);
  // A model has changed: what waits for one that stands still goes to where
  // that is now, and lanes look for what does not stand still any more.
  void FollowAll();

  // Takes one that waits out of its turn; false when it waits nowhere.
  bool Remove(const InferRequest& request);
  // What waits anywhere; whoever calls this owns the requests' ends.
  std::vector<InferRequest*> TakeAll();
  // Lanes end when they have run what waits.
  void Close();

 private:
  ModelTable& table_;
  std::map<DeviceId, RequestQueue> queues_;
  std::atomic<size_t> turns_{0};  // Whose turn it is among equals.
};

}  // namespace ferry

#endif  // SERVER_SCHEDULING_ROUTER_H_
