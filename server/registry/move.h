// A Move carries one model to where a client wants it: a load, a migration or
// an unload.
//
// All kinds run the same steps, top to bottom in move.cc: DECIDE, COPY, SWITCH,
// DRAIN. Nothing visible changes before SWITCH; whatever fails or is stopped
// before it is undone by dropping what the Move holds; after it nothing can
// fail.
//
// Owns:     its claim on the model, and what it makes until that is published.
// Threads:  as MoveTask says.
// Units:    bytes.
// Fails:    as ferry.v1's ModelService says.

#ifndef SERVER_REGISTRY_MOVE_H_
#define SERVER_REGISTRY_MOVE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/devices/device_pool.h"
#include "server/executors/open_program.h"
#include "server/formats/open_source.h"
#include "server/formats/signature_file.h"
#include "server/metrics/metrics.h"
#include "server/placement/plan_move.h"
#include "server/registry/check_move.h"
#include "server/registry/move_claim.h"
#include "server/registry/move_history.h"
#include "server/registry/move_queue.h"
#include "server/registry/move_record.h"
#include "server/transfer/calibration.h"
#include "server/transfer/transfer_engine.h"
#include "server/weights/weight_store.h"

namespace ferry {

// What opens a model's file: OpenSource and OpenProgram, or formats of a test.
struct ModelFormats {
  std::function<decltype(OpenSource)> open_source = &OpenSource;
  std::function<decltype(OpenProgram)> open_program = &OpenProgram;
};

struct MoveRooms {  // All outlive the moves.
  const std::vector<std::string>& model_directories;
  const ModelFormats& formats;
  DevicePool& devices;
  WeightStore& weights;
  TransferEngine& transfers;
  const Calibration& calibration;
  ModelTable& table;
  MoveHistory& history;
  Metrics& metrics;
};

class Move final : public MoveTask {
 public:
  Move(MoveRequest request, const MoveRooms& rooms)
      : request_(std::move(request)),
        rooms_(rooms),
        record_(rooms.calibration, rooms.metrics) {}

  // Equal loads: whoever asks for one that is under way waits for it.
  bool Answers(const MoveTask& other) const override;
  std::optional<absl::StatusOr<MoveOutcome>> Begin(
      std::function<void()> resume) override;
  std::optional<absl::StatusOr<MoveOutcome>> GoOn(
      const MoveStop& stop) override;
  absl::StatusOr<MoveOutcome> GiveUp(const MoveStop& stop) override;

 private:
  // Where it goes on. Between two of them it may have to wait.
  enum class Stage { kPrepare, kSwitch, kDrain };

  std::optional<absl::Status> Run(const MoveStop& stop);
  absl::Status Prepare(const MoveStop& stop);
  absl::Status Open(const MoveStop& stop);
  absl::Status BuildProgram(const WeightSet* host, const MoveStop& stop);
  absl::Status Decide();
  absl::StatusOr<MovePlan> PlanFor(const Program* program) const;
  absl::Status Take(uint64_t image_bytes);
  absl::Status TakeState(const Program& program);
  absl::Status Copy(const MoveStop& stop);
  absl::Status FillHost(const MoveStop& stop);
  absl::Status Fill(Residence& residence, const MoveStop& stop);
  absl::Status Carry(Residence& residence, const MoveStop& stop);
  absl::Status WarmUp(Residence& residence, const MoveStop& stop);
  void StandStill();
  absl::Status Switch(const MoveStop& stop);
  void Free();
  absl::StatusOr<MoveOutcome> End(const absl::Status& status);

  // Runs `work` on a thread that stands back, and tells watchers how far it is.
  absl::Status InBackground(const std::function<absl::Status()>& work);
  TransferProgress Progress(uint64_t base_bytes) const;
  // Of a load that is not published: its own; else what is in memory.
  const LoadedModel& loaded() const;

  const MoveRequest request_;
  const MoveRooms rooms_;
  std::optional<MoveClaim> claim_;
  Stage stage_ = Stage::kPrepare;

  // What the steps make and hand on.
  MoveRecord record_;
  std::optional<SignatureFile> sidecar_;
  std::shared_ptr<const Signature> signature_;  // A load's, with its program.
  std::unique_ptr<WeightsSource> source_;       // A load's.
  std::unique_ptr<Program> program_;            // A load's, until COPY's end.
  MovePlan plan_;
  MoveClaim::Edit edit_;        // Until SWITCH.
  MoveClaim::Retired retired_;  // From SWITCH on.
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVE_H_
