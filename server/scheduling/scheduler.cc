#include "server/scheduling/scheduler.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/base/worker.h"
#include "server/scheduling/request_queue.h"

namespace ferry {
namespace {

absl::Status Draining() {
  return absl::UnavailableError("the server is draining; use another");
}

// A request that ran: the result may be views of what the pin holds.
struct Execution {
  ModelTable::Pin pin;
  RunResult result;
  absl::Duration run;
  absl::Duration ran_at;
};

}  // namespace

struct Scheduler::Lanes {
  explicit Lanes(ModelTable& table_in) : table(table_in) {}

  void RunLane(DeviceId device);
  void RunOne(InferRequest& request, DeviceId device, RequestQueue* borrowed);
  absl::StatusOr<std::optional<Execution>> Execute(InferRequest& request,
                                                   DeviceId device);
  void Follow(InferRequest& request);
  void FollowAll();
  void Answer(InferRequest& request, Execution execution);
  absl::Status Route(InferRequest& request);
  bool RunHere(InferRequest& request);
  void Fail(InferRequest& request, const absl::Status& status);
  void CountEnd();
  RequestQueue& QueueOf(DeviceId device) { return queues.at(device); }

  ModelTable& table;
  std::map<DeviceId, RequestQueue> queues;
  std::atomic<size_t> turns{0};  // Whose turn it is among equals.

  // Not ended yet. Counted up before `draining` is read, so that whoever sets
  // it and then sees zero has seen everybody.
  std::atomic<int64_t> accepted{0};
  std::atomic<bool> draining{false};

  Mutex mutex;
  CondVar ended;  // `accepted` fell to zero while draining.

  std::vector<std::unique_ptr<Worker>> workers;
  std::optional<ModelTable::Watch> watch;  // Ends first.
};

Scheduler::Scheduler(const std::vector<Device*>& devices, int lanes_per_device,
                     ModelTable& table)
    : lanes_(std::make_unique<Lanes>(table)) {
  for (const Device* device : devices) {
    lanes_->queues.try_emplace(device->id());
  }
  lanes_->watch.emplace(table.WatchChanges(
      [lanes = lanes_.get()](std::string_view) { lanes->FollowAll(); }));
  for (const Device* device : devices) {
    for (int i = 0; i < lanes_per_device; ++i) {
      lanes_->workers.push_back(std::make_unique<Worker>(
          absl::StrCat("lane-", device->name(), "-", i),
          [lanes = lanes_.get(), id = device->id()] { lanes->RunLane(id); }));
    }
  }
}

Scheduler::~Scheduler() {
  Drain(absl::InfiniteDuration());
  lanes_->watch.reset();
  for (auto& [device, queue] : lanes_->queues) queue.Close();
  lanes_->workers.clear();
}

void Scheduler::Submit(InferRequest& request) {
  request.Submitted(RealClock().Monotonic());
  ++lanes_->accepted;
  if (lanes_->draining) {
    lanes_->Fail(request, Draining());
    return;
  }
  if (lanes_->RunHere(request)) return;
  if (absl::Status routed = lanes_->Route(request); !routed.ok()) {
    lanes_->Fail(request, routed);
  }
}

void Scheduler::Cancel(InferRequest& request) {
  request.Cancel();
  for (auto& [device, queue] : lanes_->queues) {
    if (!queue.Remove(request)) continue;
    lanes_->Fail(request, request.GivenUp(RealClock().Monotonic()));
    return;
  }
}

// On the caller's thread, as the lane of the cpu that it borrows; false when
// the request is not known to be short or no lane is idle.
bool Scheduler::Lanes::RunHere(InferRequest& request) {
  if (!request.admission.run_estimate().IsShort()) return false;
  const auto found = queues.find(kCpu);
  if (found == queues.end() || !found->second.Borrow()) return false;
  RunOne(request, kCpu, &found->second);
  return true;
}

// To the device with the least to do of those that serve the model, in turn
// when several have as little.
absl::Status Scheduler::Lanes::Route(InferRequest& request) {
  const ModelTable::Devices devices = table.Where(request.admission);
  if (devices.empty()) return table.WhyNowhere(request.admission);
  DeviceId chosen = devices.front();
  if (devices.size() > 1) {
    const size_t turn = turns++;
    size_t least = std::numeric_limits<size_t>::max();
    for (size_t i = 0; i < devices.size(); ++i) {
      const DeviceId device = devices[(turn + i) % devices.size()];
      const size_t load = QueueOf(device).load();
      if (load >= least) continue;
      least = load;
      chosen = device;
    }
  }
  QueueOf(chosen).Push(request);
  return absl::OkStatus();
}

void Scheduler::Lanes::RunLane(DeviceId device) {
  while (InferRequest* request = QueueOf(device).Pop()) {
    RunOne(*request, device, nullptr);
    QueueOf(device).Ran();
  }
}

// `borrowed` is null on a lane's own thread.
void Scheduler::Lanes::RunOne(InferRequest& request, DeviceId device,
                              RequestQueue* borrowed) {
  auto execution = Execute(request, device);
  if (borrowed != nullptr) borrowed->GiveBack();
  if (!execution.ok()) {
    Fail(request, execution.status());
  } else if (!execution->has_value()) {
    Follow(request);
  } else {
    Answer(request, **std::move(execution));
  }
}

// What only a lane may do. Nothing when the model is no longer on `device`, or
// stands still.
absl::StatusOr<std::optional<Execution>> Scheduler::Lanes::Execute(
    InferRequest& request, DeviceId device) {
  const absl::Duration started = RealClock().Monotonic();
  RETURN_IF_ERROR(request.GivenUp(started));
  ModelTable::Pin pin = table.PinOn(request.admission, device);
  RunEstimate& estimate = request.admission.run_estimate();
  if (!pin) {
    // A run that ended after the model had left has told its time.
    if (device == kCpu) estimate.Forget();
    return std::nullopt;
  }
  RETURN_IF_ERROR(pin.CheckInputs(request.inputs));
  RETURN_IF_ERROR(pin.CheckOutputs(request.outputs));
  ModelMetrics& metrics = request.admission.metrics();
  const absl::Duration pinned = RealClock().Monotonic();
  metrics.Started(started - request.submitted_at(), pinned - started);

  auto result = pin.instance().Run(request.inputs);
  const absl::Duration ran = RealClock().Monotonic();
  metrics.Ran(ran - pinned, 1);
  if (device == kCpu) estimate.Add(ran - pinned);
  if (!result.ok()) return pin.Explain(request.inputs, result.status());
  return Execution{.pin = std::move(pin),
                   .result = *std::move(result),
                   .run = ran - pinned,
                   .ran_at = ran};
}

void Scheduler::Lanes::Follow(InferRequest& request) {
  absl::Status routed =
      request.Follow()
          ? Route(request)
          : absl::AbortedError(absl::StrCat(
                "model \"", request.admission.model(),
                "\": it moves faster than requests can follow; try again"));
  if (!routed.ok()) Fail(request, routed);
}

// A model has changed: what waits for one that stands still goes to where that
// is now, and lanes look for what does not stand still any more.
void Scheduler::Lanes::FollowAll() {
  for (auto& [device, queue] : queues) {
    for (InferRequest* request : queue.TakeStill()) {
      if (absl::Status routed = Route(*request); !routed.ok()) {
        Fail(*request, routed);
      }
    }
  }
  for (auto& [device, queue] : queues) queue.LookAgain();
}

void Scheduler::Lanes::Answer(InferRequest& request, Execution execution) {
  if (execution.pin.wants_exemplar()) {
    table.Learn(execution.pin, execution.run, request.inputs,
                execution.result.outputs());
  }
  {
    // Destroyed from the last to the first: outputs may be views of weights,
    // which the pin holds; the admission holds the model itself.
    ModelTable::Admission admission;
    const Execution held = std::move(execution);
    admission = request.Answer({.outputs = held.result.outputs(),
                                .device = held.pin.device(),
                                .version = held.pin.version()});
    admission.metrics().Encoded(RealClock().Monotonic() - held.ran_at);
    table.Audit(held.pin);  // Behind the answer: it takes its time.
  }
  CountEnd();
}

void Scheduler::Lanes::CountEnd() {
  if (--accepted == 0 && draining) {
    MutexLock lock(mutex);
    ended.NotifyAll();
  }
}

void Scheduler::Lanes::Fail(InferRequest& request, const absl::Status& status) {
  request.Fail(status);
  CountEnd();
}

void Scheduler::Refuse() { lanes_->draining = true; }

bool Scheduler::Drain(absl::Duration limit) {
  Refuse();
  const absl::Duration until = RealClock().Monotonic() + limit;
  {
    MutexLock lock(lanes_->mutex);
    while (lanes_->accepted > 0) {
      const absl::Duration left = until - RealClock().Monotonic();
      if (left <= absl::ZeroDuration()) break;
      lanes_->ended.WaitFor(lanes_->mutex, left);
    }
  }
  bool all_ran = lanes_->accepted == 0;
  for (auto& [device, queue] : lanes_->queues) {
    for (InferRequest* request : queue.TakeAll()) {
      lanes_->Fail(*request, absl::UnavailableError(
                                 "the server stopped before this request ran; "
                                 "use another"));
    }
  }
  return all_ran;
}

}  // namespace ferry
