#include "server/scheduling/scheduler.h"

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"

namespace ferry {

Scheduler::Scheduler(const std::vector<Device*>& devices, int lanes_per_device,
                     ModelTable& table)
    : router_(devices, table) {
  watch_.emplace(
      table.WatchChanges([this](std::string_view) { router_.FollowAll(); }));
  for (const Device* device : devices) {
    Lane& lane = lanes_.try_emplace(device->id(), device->id(), router_, table)
                     .first->second;
    for (int i = 0; i < lanes_per_device; ++i) {
      workers_.push_back(std::make_unique<Worker>(
          absl::StrCat("lane-", device->name(), "-", i),
          [&lane] { lane.Run(); }));
    }
  }
}

Scheduler::~Scheduler() {
  Drain(absl::InfiniteDuration());
  watch_.reset();
  router_.Close();
  workers_.clear();
}

void Scheduler::Submit(InferRequest& request) {
  INVARIANT(request.admission);
  // Counted before `draining_` is read, so that whoever sets it and then sees
  // none has seen everybody.
  request.Submitted(MonotonicNow(), CallCount::Call(accepted_));
  if (draining_) {
    request.Fail(absl::UnavailableError("the server is draining; use another"));
    return;
  }
  if (request.admission.run_estimate().IsShort()) {
    const auto cpu = lanes_.find(kCpu);
    if (cpu != lanes_.end() && cpu->second.RunHere(request)) return;
  }
  router_.Route(request);
}

void Scheduler::Cancel(InferRequest& request) {
  request.Cancel();
  if (!router_.Remove(request)) return;
  request.Fail(request.GivenUp(MonotonicNow()));
}

bool Scheduler::Drain(absl::Duration limit) {
  Refuse();
  const bool all_ran = accepted_.WaitForNone(limit);
  for (InferRequest* request : router_.TakeAll()) {
    request->Fail(absl::UnavailableError(
        "the server stopped before this request ran; use another"));
  }
  return all_ran;
}

}  // namespace ferry
