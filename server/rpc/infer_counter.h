// An InferCounter counts infer requests by model and by the code they ended
// with.
//
// A name that only a client knows never becomes a label: requests for models
// that are not here are counted together, as Metrics::kOtherModel.
//
// Owns:     a cache of series. Metrics and ModelTable outlive it.
// Threads:  thread-safe.
// Limits:   kModelsMax cached models; Metrics bounds the label itself.

#ifndef SERVER_RPC_INFER_COUNTER_H_
#define SERVER_RPC_INFER_COUNTER_H_

#include <array>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

#include "server/base/mutex.h"
#include "server/metrics/metrics.h"
#include "server/registry/model_table.h"

namespace ferry {

class InferCounter {
 public:
  static constexpr size_t kModelsMax = 1024;

  InferCounter(Metrics& metrics, const ModelTable& table)
      : metrics_(metrics), table_(table) {}

  void Count(const std::string& model, absl::StatusCode code);

 private:
  static constexpr size_t kCodes = 17;  // OK to UNAUTHENTICATED.
  using ByCode = std::array<std::optional<Series>, kCodes>;

  Series Find(const std::string& label, absl::StatusCode code)
      ABSL_LOCKS_EXCLUDED(mutex_);

  Metrics& metrics_;
  const ModelTable& table_;

  Mutex mutex_;
  absl::flat_hash_map<std::string, ByCode> series_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_RPC_INFER_COUNTER_H_
