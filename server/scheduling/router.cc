#include "server/scheduling/router.h"

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/scheduling/choose_device.h"

namespace ferry {

Router::Router(const std::vector<Device*>& devices, ModelTable& table)
    : table_(table) {
  for (const Device* device : devices) queues_.try_emplace(device->id());
}

void Router::Route(InferRequest& request) {
  const ModelTable::Devices devices = table_.Where(request.admission);
  if (devices.empty()) {
    request.Fail(table_.WhyNowhere(request.admission));
    return;
  }
  if (devices.size() == 1) {
    QueueOf(devices.front()).Push(request);
    return;
  }
  absl::InlinedVector<DeviceLoad, 4> loads;
  for (const DeviceId device : devices) {
    loads.push_back({.device = device, .requests = QueueOf(device).load()});
  }
  QueueOf(ChooseDevice(loads, turns_++)).Push(request);
}

void Router::Follow(InferRequest& request) {
  if (request.Follow()) {
    Route(request);
    return;
  }
  request.Fail(absl::AbortedError(
      absl::StrCat(QuotedModel(request.admission.model()),
                   ": it moves faster than requests can follow; try again")));
}

void Router::FollowAll() {
  for (auto& [device, queue] : queues_) {
    for (InferRequest* request : queue.TakeStill()) Route(*request);
  }
  for (auto& [device, queue] : queues_) queue.LookAgain();
}

bool Router::Remove(const InferRequest& request) {
  for (auto& [device, queue] : queues_) {
    if (queue.Remove(request)) return true;
  }
  return false;
}

std::vector<InferRequest*> Router::TakeAll() {
  std::vector<InferRequest*> all;
  for (auto& [device, queue] : queues_) {
    for (InferRequest* request : queue.TakeAll()) all.push_back(request);
  }
  return all;
}

void Router::Close() {
  for (auto& [device, queue] : queues_) queue.Close();
}

}  // namespace ferry
