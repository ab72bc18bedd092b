// A ModelMetrics is the series that one model's requests are counted in.
//
// Each is found once, at its first use, so that counting a request takes no
// lock of ours and looks nothing up. Whoever holds the model's other facts
// holds this too: there is one for each model that is known, and no cache to
// bound.
//
// Owns:     the model's place among the names that Metrics exports. Metrics
//           outlives it.
// Threads:  thread-safe.
// Units:    absl::Duration.

#ifndef SERVER_METRICS_MODEL_METRICS_H_
#define SERVER_METRICS_MODEL_METRICS_H_

#include <array>
#include <cstddef>
#include <optional>
#include <string>

#include "absl/base/call_once.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "server/metrics/metrics.h"

namespace ferry {

class ModelMetrics {
 public:
  ModelMetrics(Metrics& metrics, const std::string& model)
      : metrics_(metrics), label_(metrics.Keep(model)) {}
  ~ModelMetrics() { metrics_.LetGo(label_); }

  ModelMetrics(const ModelMetrics&) = delete;
  ModelMetrics& operator=(const ModelMetrics&) = delete;

  // A request, by what it ended with.
  void Count(absl::StatusCode code);

  // Its steps, as they end; Started is the first.
  void Started(absl::Duration queue, absl::Duration pin);
  void Ran(absl::Duration run, size_t batch_requests);
  void Encoded(absl::Duration encode);

 private:
  struct Counter {
    absl::once_flag found;
    std::optional<Series> series;
  };
  struct Steps {
    Series queue, pin, run, encode, batch;
  };
  Steps& FindSteps();

  Metrics& metrics_;
  const std::string label_;

  std::array<Counter, 17> by_code_;  // OK to UNAUTHENTICATED.
  absl::once_flag steps_found_;
  std::optional<Steps> steps_;
};

}  // namespace ferry

#endif  // SERVER_METRICS_MODEL_METRICS_H_
