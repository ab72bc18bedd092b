#include "server/scheduling/lane.h"

#include <utility>

#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/scheduling/request_queue.h"
#include "server/values/signature_check.h"

namespace ferry {

Lane::Lane(DeviceId device, Router& router, ModelTable& table)
    : device_(device),
      router_(router),
      queue_(router.QueueOf(device)),
      table_(table) {}

void Lane::Run() {
  while (InferRequest* request = queue_.Pop()) {
    End(*request, Execute(*request));
    queue_.Ran();
  }
}

bool Lane::RunHere(InferRequest& request) {
  if (!queue_.Borrow()) return false;
  Outcome outcome = Execute(request);
  queue_.GiveBack();
  End(request, std::move(outcome));
  return true;
}

Lane::Outcome Lane::Execute(InferRequest& request) {
  const absl::Duration started = MonotonicNow();
  RETURN_IF_ERROR(request.GivenUp(started));
  ModelTable::Pin pin = table_.PinOn(request.admission, device_);
  RunEstimate& estimate = request.admission.run_estimate();
  if (!pin) {
    // A run that ended after the model had left has told its time.
    if (device_ == kCpu) estimate.Forget();
    return std::nullopt;
  }
  ModelMetrics& metrics = request.admission.metrics();
  const absl::Duration pinned = MonotonicNow();
  metrics.Started(started - request.submitted_at(), pinned - started);

  auto result = pin.instance().Run(request.inputs);
  const absl::Duration ran_at = MonotonicNow();
  const absl::Duration run = ran_at - pinned;
  metrics.Ran(run, 1);
  if (device_ == kCpu) estimate.Add(run);
  if (!result.ok()) return Explain(request, pin, result.status());
  return Execution{.pin = std::move(pin),
                   .result = *std::move(result),
                   .run = run,
                   .ran_at = ran_at};
}

absl::Status Lane::Explain(const InferRequest& request,
                           const ModelTable::Pin& pin,
                           const absl::Status& failed) {
  absl::Status why = failed;
  if (absl::IsInternal(failed)) {
    if (!table_.AskHealth(pin.instance().device())) return failed;
    why = ExplainThrow(*pin.signature(), request.inputs, failed);
    if (absl::IsInternal(why)) return failed;
  } else if (!absl::IsResourceExhausted(failed)) {
    return failed;
  }
  return absl::Status(why.code(),
                      absl::StrCat(QuotedModel(request.admission.model()), ": ",
                                   why.message()));
}

void Lane::End(InferRequest& request, Outcome outcome) {
  if (!outcome.ok()) {
    request.Fail(outcome.status());
  } else if (!outcome->has_value()) {
    router_.Follow(request);
  } else {
    Answer(request, **std::move(outcome));
  }
}

void Lane::Answer(InferRequest& request, Execution execution) {
  if (execution.pin.wants_exemplar()) {
    table_.Learn(execution.pin, execution.run, request.inputs,
                 execution.result.outputs());
  }
  // Destroyed from the last to the first: outputs may be views of weights,
  // which the pin holds; what the request held holds the model itself.
  InferRequest::Held held;
  const Execution ran = std::move(execution);
  held = request.Answer({.outputs = ran.result.outputs(),
                         .device = ran.pin.device(),
                         .version = ran.pin.version()});
  held.admission.metrics().Encoded(MonotonicNow() - ran.ran_at);
  table_.Audit(ran.pin);  // Behind the answer: it takes its time.
}

}  // namespace ferry
