// A ModelRecord is everything the table knows of one model. For the table and
// its MoveClaims only.
//
// LoadedModel is what a load makes and never changes after; the rest of the
// record is small facts, read and changed under the table's mutex.
//
// Owns:     the program, the host copy and the residences.
// Threads:  caller locks (the ModelTable's mutex), but for `loaded`, which is
//           immutable while the record has a move or an admission.
// Units:    bytes.

#ifndef SERVER_REGISTRY_MODEL_RECORD_H_
#define SERVER_REGISTRY_MODEL_RECORD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "server/executors/program.h"
#include "server/metrics/model_metrics.h"
#include "server/registry/exemplar.h"
#include "server/registry/model_state.h"
#include "server/registry/residence.h"
#include "server/registry/run_estimate.h"
#include "server/transfer/transfer_plan.h"
#include "server/values/signature.h"
#include "server/values/signature_check.h"
#include "server/weights/weight_set.h"

namespace ferry {

struct LoadedModel {
  TransferPlan plan;
  Checksums checksums;
  WeightSet host;
  // What the program and the sidecar tell.
  std::shared_ptr<const Signature> signature;
  ShapeIndex declared;               // The sidecar's inputs.
  std::unique_ptr<Program> program;  // Dies before the host copy: last member.
};

// What others may see and do of a move while it is under way.
struct MoveMark {
  std::vector<Place> from;
  std::vector<Place> to;  // Empty: not chosen yet.
  absl::Time started_at;
  std::atomic<MoveStep> step{MoveStep::kQueue};
  std::atomic<uint64_t> done_bytes{0};
  std::atomic<uint64_t> total_bytes{0};

  // Goes on with the move after requests have ended. Takes a leaf lock.
  std::function<void()> resume;
};

struct ModelRecord {
  ModelRecord(const std::string& name, Metrics& metrics_in)
      : id{.name = name, .version = 0}, metrics(metrics_in, name) {}

  ModelId id;  // Version 0 until it is loaded.
  std::string path;

  std::unique_ptr<LoadedModel> loaded;  // Null: nothing in memory.
  std::vector<std::unique_ptr<Residence>> residences;

  MoveMark* move = nullptr;  // The MoveClaim's, until its end.
  bool leaving = false;      // Takes no new requests.
  // A stateful model's state is on its way: nothing of it starts. Set with the
  // lock, read and ended without.
  std::atomic<bool> stands_still{false};
  int64_t admissions = 0;
  uint64_t admitted_bytes = 0;  // Of those requests, in memory.
  int64_t pins = 0;
  // Without the lock: what its requests count in, and what they take.
  ModelMetrics metrics;
  RunEstimate run_estimate;
  std::atomic<uint64_t> runs{0};  // Says which of them are audited.

  // With what was learned; immutable, and replaced as a whole. Null while
  // nothing is loaded.
  std::shared_ptr<const Signature> signature;
  bool learned = false;
  std::shared_ptr<const Exemplar> exemplar;
  std::string last_error;
  absl::Time loaded_at;

  // Exact; the host copy's are the cpu's.
  std::vector<std::pair<DeviceId, uint64_t>> BytesByDevice() const {
    if (loaded == nullptr) return {};
    std::vector<std::pair<DeviceId, uint64_t>> bytes = {
        {kCpu, loaded->host.lease_bytes()}};
    for (const auto& residence : residences) {
      const auto& weights = residence->weights;
      const auto& state = residence->state;
      if (weights.has_value()) {
        bytes.emplace_back(residence->device, weights->lease_bytes());
      }
      if (state.has_value()) {
        (weights.has_value() ? bytes.back() : bytes.front()).second +=
            state->lease_bytes();
      }
    }
    return bytes;
  }
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MODEL_RECORD_H_
