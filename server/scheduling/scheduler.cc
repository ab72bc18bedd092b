#include "server/scheduling/scheduler.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/base/worker.h"
#include "server/metrics/catalog.h"
#include "server/scheduling/request_queue.h"

namespace ferry {
namespace {

// A request whose model keeps moving under it follows this often.
constexpr int kFollowMax = 64;

// A request whose model took less than this of late is run by the thread that
// brings it.
constexpr absl::Duration kShortRunMax = absl::Microseconds(50);

// A client's own timer ends its call some time before the deadline that it sent
// is over here: that one was late by the way, and rounded up by gRPC to 1%.
constexpr absl::Duration kDeadlineLateMax = absl::Milliseconds(10);
constexpr double kDeadlineRoundedMax = 0.01;

absl::Status Draining() {
  return absl::UnavailableError("the server is draining; use another");
}

// The series of one model, found once a lane.
struct ModelSeries {
  Series queue, pin, run, encode, batch;
};

class SeriesCache {
 public:
  explicit SeriesCache(Metrics& metrics) : metrics_(metrics) {}

  ModelSeries Of(const std::string& model) {
    MutexLock lock(mutex_);
    if (const auto found = series_.find(model); found != series_.end()) {
      return found->second;
    }
    if (series_.size() >= kModelsMax) series_.clear();
    const auto step = [&](std::string_view name) {
      return metrics_.Find(kInferStepSeconds, {model, name});
    };
    return series_
        .emplace(model,
                 ModelSeries{.queue = step("queue"),
                             .pin = step("pin"),
                             .run = step("run"),
                             .encode = step("encode"),
                             .batch = metrics_.Find(kInferBatchSize, {model})})
        .first->second;
  }

 private:
  static constexpr size_t kModelsMax = 1024;

  Metrics& metrics_;
  Mutex mutex_;
  absl::flat_hash_map<std::string, ModelSeries> series_ ABSL_GUARDED_BY(mutex_);
};

// A request that ran: the result may be views of what the pin holds.
struct Execution {
  ModelTable::Pin pin;
  RunResult result;
  Series encode;
  absl::Duration run;
  absl::Duration ran_at;
};

}  // namespace

struct Scheduler::Lanes {
  Lanes(ModelTable& table_in, Metrics& metrics_in)
      : table(table_in), series_cache(metrics_in) {}

  void RunLane(DeviceId device);
  void RunOne(InferRequest& request, DeviceId device, RequestQueue* borrowed);
  absl::StatusOr<std::optional<Execution>> Execute(InferRequest& request,
                                                   DeviceId device);
  static absl::Status GivenUp(const InferRequest& request);
  void Follow(InferRequest& request);
  void FollowAll();
  void Answer(InferRequest& request, Execution execution);
  absl::Status Route(InferRequest& request);
  bool RunHere(InferRequest& request);
  void End(InferRequest& request, const absl::StatusOr<InferAnswer>& answer);
  void CountEnd();
  RequestQueue& QueueOf(DeviceId device) { return queues.at(device); }

  ModelTable& table;
  SeriesCache series_cache;
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
                     ModelTable& table, Metrics& metrics)
    : lanes_(std::make_unique<Lanes>(table, metrics)) {
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
  request.submitted_at_ = RealClock().Monotonic();
  ++lanes_->accepted;
  if (lanes_->draining) {
    lanes_->End(request, Draining());
    return;
  }
  if (!request.admission) {
    auto admission = lanes_->table.Admit(request.model, request.version, 0);
    if (!admission.ok()) {
      lanes_->End(request, admission.status());
      return;
    }
    request.admission = *std::move(admission);
  }
  if (lanes_->RunHere(request)) return;
  if (absl::Status routed = lanes_->Route(request); !routed.ok()) {
    lanes_->End(request, routed);
  }
}

void Scheduler::Cancel(InferRequest& request) {
  request.cancelled_ = true;
  for (auto& [device, queue] : lanes_->queues) {
    if (!queue.Remove(request)) continue;
    lanes_->End(request, lanes_->GivenUp(request));
    return;
  }
}

// On the caller's thread, as the lane of the cpu that it borrows; false when
// the request is not known to be short or no lane is idle.
bool Scheduler::Lanes::RunHere(InferRequest& request) {
  if (request.admission.recent_run() >= kShortRunMax) return false;
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
    End(request, execution.status());
  } else if (!execution->has_value()) {
    Follow(request);
  } else {
    Answer(request, **std::move(execution));
  }
}

// Why it need not run any more, or OK.
absl::Status Scheduler::Lanes::GivenUp(const InferRequest& request) {
  if (request.deadline != absl::InfiniteFuture()) {
    const absl::Duration left = request.deadline - absl::Now();
    const absl::Duration waited =
        RealClock().Monotonic() - request.submitted_at_;
    const absl::Duration early =
        kDeadlineLateMax + kDeadlineRoundedMax * (waited + left);
    if (left <= (request.cancelled_ ? early : absl::ZeroDuration())) {
      return absl::DeadlineExceededError(
          absl::StrCat("model \"", request.admission.model(),
                       "\": the deadline passed while it waited in the queue"));
    }
  }
  return request.cancelled_ ? absl::CancelledError("the client went away")
                            : absl::OkStatus();
}

// What only a lane may do. Nothing when the model is no longer on `device`, or
// stands still.
absl::StatusOr<std::optional<Execution>> Scheduler::Lanes::Execute(
    InferRequest& request, DeviceId device) {
  const absl::Duration started = RealClock().Monotonic();
  RETURN_IF_ERROR(GivenUp(request));
  ModelTable::Pin pin = table.PinOn(request.admission, device);
  if (!pin) return std::nullopt;
  RETURN_IF_ERROR(pin.CheckInputs(request.inputs));
  RETURN_IF_ERROR(pin.CheckOutputs(request.outputs));
  const ModelSeries series = series_cache.Of(request.admission.model());
  series.queue.Observe(absl::ToDoubleSeconds(started - request.submitted_at_));
  const absl::Duration pinned = RealClock().Monotonic();
  series.pin.Observe(absl::ToDoubleSeconds(pinned - started));

  auto result = pin.instance().Run(request.inputs);
  const absl::Duration ran = RealClock().Monotonic();
  series.run.Observe(absl::ToDoubleSeconds(ran - pinned));
  if (device == kCpu) pin.RanFor(ran - pinned);
  series.batch.Observe(1);
  if (!result.ok()) return pin.Explain(request.inputs, result.status());
  return Execution{.pin = std::move(pin),
                   .result = *std::move(result),
                   .encode = series.encode,
                   .run = ran - pinned,
                   .ran_at = ran};
}

void Scheduler::Lanes::Follow(InferRequest& request) {
  absl::Status routed =
      ++request.followed_ > kFollowMax
          ? absl::AbortedError(absl::StrCat(
                "model \"", request.admission.model(),
                "\": it moves faster than requests can follow; try again"))
          : Route(request);
  if (!routed.ok()) End(request, routed);
}

// A model has changed: what waits for one that stands still goes to where that
// is now, and lanes look for what does not stand still any more.
void Scheduler::Lanes::FollowAll() {
  for (auto& [device, queue] : queues) {
    for (InferRequest* request : queue.TakeStill()) {
      if (absl::Status routed = Route(*request); !routed.ok()) {
        End(*request, routed);
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
  const Series encode = execution.encode;
  const absl::Duration ran_at = execution.ran_at;
  {
    // Destroyed from the last to the first: outputs may be views of weights,
    // which the pin holds; the admission holds the model itself.
    const ModelTable::Admission admission = std::move(request.admission);
    const Execution held = std::move(execution);
    request.Done(InferAnswer{.outputs = held.result.outputs(),
                             .device = held.pin.device(),
                             .version = held.pin.version()});
    table.Audit(held.pin);  // Behind the answer: it takes its time.
  }
  encode.Observe(absl::ToDoubleSeconds(RealClock().Monotonic() - ran_at));
  CountEnd();
}

void Scheduler::Lanes::CountEnd() {
  if (--accepted == 0 && draining) {
    MutexLock lock(mutex);
    ended.NotifyAll();
  }
}

// The end of a request that did not run, or whose run failed.
void Scheduler::Lanes::End(InferRequest& request,
                           const absl::StatusOr<InferAnswer>& answer) {
  { const ModelTable::Admission gone = std::move(request.admission); }
  request.Done(answer);
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
      lanes_->End(*request, absl::UnavailableError(
                                "the server stopped before this request ran; "
                                "use another"));
    }
  }
  return all_ran;
}

}  // namespace ferry
