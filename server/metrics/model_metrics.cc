#include "server/metrics/model_metrics.h"

#include <string_view>

#include "server/metrics/catalog.h"

namespace ferry {

void ModelMetrics::Count(absl::StatusCode code) {
  Counter& counter = by_code_[static_cast<size_t>(code) % by_code_.size()];
  absl::call_once(counter.found, [&] {
    counter.series = metrics_.Find(kInferRequestsTotal,
                                   {label_, absl::StatusCodeToString(code)});
  });
  counter.series->Add();
}

ModelMetrics::Steps& ModelMetrics::FindSteps() {
  absl::call_once(steps_found_, [this] {
    const auto step = [this](std::string_view name) {
      return metrics_.Find(kInferStepSeconds, {label_, name});
    };
    steps_.emplace(Steps{.queue = step("queue"),
                         .pin = step("pin"),
                         .run = step("run"),
                         .encode = step("encode"),
                         .batch = metrics_.Find(kInferBatchSize, {label_})});
  });
  return *steps_;
}

void ModelMetrics::Started(absl::Duration queue, absl::Duration pin) {
  const Steps& steps = FindSteps();
  steps.queue.Observe(absl::ToDoubleSeconds(queue));
  steps.pin.Observe(absl::ToDoubleSeconds(pin));
}

void ModelMetrics::Ran(absl::Duration run, size_t batch_requests) {
  const Steps& steps = FindSteps();
  steps.run.Observe(absl::ToDoubleSeconds(run));
  steps.batch.Observe(static_cast<double>(batch_requests));
}

void ModelMetrics::Encoded(absl::Duration encode) {
  FindSteps().encode.Observe(absl::ToDoubleSeconds(encode));
}

}  // namespace ferry
