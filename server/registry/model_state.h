// What is known of a model and of its moves, as plain values for clients.
//
// A state is never stored: DeriveState computes it from where the model is and
// where it is going, so there is no transition table to get wrong.
//
// Threads:  any; values and a pure function.
// Units:    bytes; bytes per second; absl times.

#ifndef SERVER_REGISTRY_MODEL_STATE_H_
#define SERVER_REGISTRY_MODEL_STATE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "server/base/ids.h"
#include "server/devices/place.h"
#include "server/values/signature.h"

namespace ferry {

enum class ModelState {
  kCold,  // Known, nothing of it in memory.
  kLoading,
  kServing,
  kParked,     // In host memory, served by no device.
  kMigrating,  // Serving, and on its way elsewhere.
  kLeaving,    // Being unloaded: its last requests are running.
};
std::string_view StateName(ModelState state);  // "SERVING"

struct ModelFacts {
  bool in_host_memory = false;
  bool serves = false;  // On at least one device.
  bool moving = false;
  bool leaving = false;
};
ModelState DeriveState(const ModelFacts& facts);

enum class MoveStep {
  kDecide,
  kQueue,
  kCopy,
  kVerify,
  kWarmup,
  kSwitch,
  kDrain
};
inline constexpr int kMoveSteps = 7;
std::string_view StepName(MoveStep step);  // "copy"

struct MoveProgress {
  std::vector<Place> from;
  std::vector<Place> to;  // Empty: not chosen yet.
  MoveStep step = MoveStep::kQueue;
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;
  absl::Time started_at;
};

struct MoveReport {
  ModelId model;
  std::vector<Place> from;
  std::vector<Place> to;                  // Empty: never chosen.
  uint64_t size_bytes = 0;                // Copied, over all hops.
  absl::Duration steps[kMoveSteps] = {};  // By MoveStep.
  absl::Duration total;
  double bytes_per_second = 0;  // size_bytes over the copy step.
  double efficiency = 0;        // Of the slowest link used; 0: not measured.
  bool verified = false;
  uint64_t chunks_refilled = 0;
  absl::Time ended_at;
  absl::Status status;
};

struct ModelSnapshot {
  ModelId id;  // Version 0: none has been loaded.
  ModelState state = ModelState::kCold;
  std::string path;
  std::string platform;  // Program::platform(); empty while nothing is loaded.
  std::vector<DeviceId> serving_on;
  // By device, exact; the cpu is host memory.
  std::vector<std::pair<DeviceId, uint64_t>> bytes;
  uint64_t weight_bytes = 0;
  uint64_t activation_peak_bytes = 0;
  bool stateful = false;
  // Shared by all who look; null while it is not known.
  std::shared_ptr<const Signature> signature;
  std::optional<MoveProgress> move;
  std::string last_error;
  absl::Time loaded_at;
  int64_t queued_requests = 0;
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MODEL_STATE_H_
