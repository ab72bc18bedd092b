#include "server/scheduling/scheduler.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"
#include "server/base/mutex.h"
#include "server/base/worker.h"
#include "server/metrics/catalog.h"
#include "server/scheduling/request_queue.h"

namespace ferry {
namespace {

constexpr DeviceId kCpu{DeviceKind::kCpu, 0};

// A request whose model keeps moving under it follows this often.
constexpr int kFollowMax = 64;

// So many short requests a borrower runs before it goes back to its own work.
constexpr int kBorrowedRunsMax = 16;

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

  const ModelSeries& Of(const std::string& model) {
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
  absl::flat_hash_map<std::string, ModelSeries> series_;
};

}  // namespace

struct Scheduler::Lanes {
  Lanes(ModelTable& table_in, Metrics& metrics_in)
      : table(table_in), metrics(metrics_in), borrower_series(metrics_in) {}

  void RunLane(DeviceId device);
  void RunOne(InferRequest& request, DeviceId device, SeriesCache& cache);
  absl::Status Route(InferRequest& request);
  bool RunHere(InferRequest& request);
  void End(InferRequest& request, const absl::StatusOr<InferAnswer>& answer);
  void CountEnd();
  RequestQueue& QueueOf(DeviceId device) { return *queues.at(device); }

  ModelTable& table;
  Metrics& metrics;
  std::map<DeviceId, std::unique_ptr<RequestQueue>> queues;

  // Not ended yet. Counted up before `draining` is read, so that whoever sets
  // it and then sees zero has seen everybody.
  std::atomic<int64_t> accepted{0};
  std::atomic<bool> draining{false};

  // One thread at a time borrows a lane, so that however wrong an estimate is,
  // the others go on reading from their sockets.
  std::atomic<bool> borrowing{false};
  SeriesCache borrower_series;  // Belongs to that thread.

  Mutex mutex;
  CondVar ended;  // `accepted` fell to zero while draining.

  std::vector<std::unique_ptr<Worker>> workers;  // Joined first.
};

Scheduler::Scheduler(const std::vector<Device*>& devices, int lanes_per_device,
                     ModelTable& table, Metrics& metrics)
    : lanes_(std::make_unique<Lanes>(table, metrics)) {
  for (const Device* device : devices) {
    lanes_->queues.emplace(device->id(), std::make_unique<RequestQueue>());
  }
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
  for (const auto& [device, queue] : lanes_->queues) queue->Close();
  lanes_->workers.clear();
}

void Scheduler::Submit(InferRequest& request) {
  request.submitted_at_ = RealClock().Monotonic();
  ++lanes_->accepted;
  if (lanes_->draining) {
    lanes_->End(request, Draining());
    return;
  }
  auto admission = lanes_->table.Admit(request.model, request.version);
  if (!admission.ok()) {
    lanes_->End(request, admission.status());
    return;
  }
  request.admission_ = *std::move(admission);
  if (lanes_->RunHere(request)) return;
  if (absl::Status routed = lanes_->Route(request); !routed.ok()) {
    lanes_->End(request, routed);
  }
}

// On the caller's thread, as the lane of the cpu that it borrows; false when
// the request is not known to be short or no lane is idle.
bool Scheduler::Lanes::RunHere(InferRequest& request) {
  if (!RequestQueue::IsShort(request)) return false;
  const auto found = queues.find(kCpu);
  if (found == queues.end() || borrowing.exchange(true)) return false;
  RequestQueue& queue = *found->second;
  if (!queue.Borrow()) {
    borrowing = false;
    return false;
  }
  ++accepted;  // The loan itself: the queue stays until it is given back.
  RunOne(request, kCpu, borrower_series);
  for (int i = 1; i < kBorrowedRunsMax; ++i) {
    InferRequest* const next = queue.NextShort();
    if (next == nullptr) break;
    RunOne(*next, kCpu, borrower_series);
  }
  queue.GiveBack();
  borrowing = false;
  CountEnd();
  return true;
}

// Into the shortest queue of those devices that serve the model.
absl::Status Scheduler::Lanes::Route(InferRequest& request) {
  const ModelTable::Devices devices = table.Where(request.admission_);
  if (devices.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "model \"", request.admission_.model(), "\": no device serves it now"));
  }
  DeviceId shortest = devices.front();
  for (const DeviceId device : devices) {
    if (QueueOf(device).size() < QueueOf(shortest).size()) shortest = device;
  }
  QueueOf(shortest).Push(request);
  return absl::OkStatus();
}

void Scheduler::Lanes::RunLane(DeviceId device) {
  SeriesCache cache(metrics);
  while (InferRequest* request = QueueOf(device).Pop()) {
    RunOne(*request, device, cache);
  }
}

void Scheduler::Lanes::RunOne(InferRequest& request, DeviceId device,
                              SeriesCache& cache) {
  const absl::Duration started = RealClock().Monotonic();
  if (request.cancelled) {
    End(request, absl::CancelledError("the client went away"));
    return;
  }
  if (request.deadline != absl::InfiniteFuture() &&
      absl::Now() >= request.deadline) {
    End(request, absl::DeadlineExceededError(absl::StrCat(
                     "model \"", request.admission_.model(),
                     "\": the deadline passed while it waited in the queue")));
    return;
  }
  ModelTable::Pin pin = table.PinOn(request.admission_, device);
  if (!pin) {  // The model has moved on: follow it.
    absl::Status routed = ++request.followed_ > kFollowMax
                              ? absl::AbortedError(absl::StrCat(
                                    "model \"", request.admission_.model(),
                                    "\": it moves faster than requests can "
                                    "follow; try again"))
                              : Route(request);
    if (!routed.ok()) End(request, routed);
    return;
  }
  if (absl::Status checked = pin.CheckInputs(request.inputs); !checked.ok()) {
    { const ModelTable::Pin ended = std::move(pin); }
    End(request, checked);
    return;
  }
  const ModelSeries& series = cache.Of(request.admission_.model());
  series.queue.Observe(absl::ToDoubleSeconds(started - request.submitted_at_));
  const absl::Duration pinned = RealClock().Monotonic();
  series.pin.Observe(absl::ToDoubleSeconds(pinned - started));

  auto result = pin.instance().Run(request.inputs);
  const absl::Duration ran = RealClock().Monotonic();
  series.run.Observe(absl::ToDoubleSeconds(ran - pinned));
  if (device == kCpu) pin.RanFor(ran - pinned);
  series.batch.Observe(1);
  if (!result.ok()) {
    { const ModelTable::Pin ended = std::move(pin); }
    End(request, result.status());
    return;
  }
  if (pin.wants_exemplar()) {
    table.Learn(pin, request.inputs, result->outputs());
  }
  {
    // Destroyed from the last to the first: outputs may be views of weights,
    // which the pin holds; the admission holds the model itself.
    const ModelTable::Admission admission = std::move(request.admission_);
    const ModelTable::Pin held = std::move(pin);
    const RunResult outputs = *std::move(result);
    request.Done(InferAnswer{.outputs = outputs.outputs(),
                             .device = device,
                             .version = held.version()});
  }
  series.encode.Observe(absl::ToDoubleSeconds(RealClock().Monotonic() - ran));
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
  { const ModelTable::Admission gone = std::move(request.admission_); }
  request.Done(answer);
  CountEnd();
}

bool Scheduler::Drain(absl::Duration limit) {
  lanes_->draining = true;
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
  for (const auto& [device, queue] : lanes_->queues) {
    for (InferRequest* request : queue->TakeAll()) {
      lanes_->End(*request, absl::UnavailableError(
                                "the server stopped before this request ran; "
                                "use another"));
    }
  }
  return all_ran;
}

}  // namespace ferry
