#include "server/rpc/infer_counter.h"

#include "server/metrics/catalog.h"

namespace ferry {

void InferCounter::Count(const std::string& model, absl::StatusCode code) {
  // Only a model that is here can answer OK, so only errors need the look-up.
  const bool known = code == absl::StatusCode::kOk || table_.Knows(model);
  Find(known ? model : std::string(Metrics::kOtherModel), code).Add();
}

Series InferCounter::Find(const std::string& label, absl::StatusCode code) {
  const auto index = static_cast<size_t>(code) % kCodes;
  MutexLock lock(mutex_);
  if (series_.size() >= kModelsMax && !series_.contains(label)) {
    series_.clear();
  }
  std::optional<Series>& series = series_[label][index];
  if (!series.has_value()) {
    series = metrics_.Find(kInferRequestsTotal,
                           {label, absl::StatusCodeToString(code)});
  }
  return *series;
}

}  // namespace ferry
