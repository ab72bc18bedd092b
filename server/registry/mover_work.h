// Mover::Work and Move: what mover.cc (who asks, who waits), mover_steps.cc
// (what a move does) and mover_background.cc (how its long work is done) share.
// For these files only.
//
// Owns:     the moves, each until its end. A model's record points at its
//           move's mark meanwhile.
// Threads:  Work is thread-safe. A Move's `waiters` and `abandoned` are guarded
//           by Work::mutex, its mark as model_record.h says; the rest belongs
//           to the mover that has it, and to its builder while that works.
// Units:    bytes; absl times.

#ifndef SERVER_REGISTRY_MOVER_WORK_H_
#define SERVER_REGISTRY_MOVER_WORK_H_

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "server/base/clock.h"
#include "server/base/mutex.h"
#include "server/base/worker.h"
#include "server/formats/torchscript_archive.h"
#include "server/placement/plan_move.h"
#include "server/registry/model_record.h"
#include "server/registry/move_queue.h"
#include "server/registry/move_record.h"
#include "server/registry/mover.h"

namespace ferry {

struct Mover::Ticket::Waiter {
  MoveDone done;
  std::atomic<bool> told{false};
  Work* work = nullptr;
  Move* move = nullptr;  // Guarded by Work::mutex; null once it ended.

  // Calls `done` unless somebody did.
  void Tell(const absl::StatusOr<MoveOutcome>& outcome) {
    if (!told.exchange(true)) done(outcome);
  }
};

enum class MoveKind { kLoad, kMigrate, kUnload };

// Where a mover goes on with a move. Between two of them it may have to wait.
enum class MoveStage { kPrepare, kSwitch, kDrain };

struct Mover::Move : MoveQueue::Entry {
  using Waiters = std::vector<std::shared_ptr<Mover::Ticket::Waiter>>;

  MoveKind kind = MoveKind::kLoad;
  LoadSpec spec;  // Of a migration: name and destination.
  Waiters waiters;
  bool abandoned = false;  // Nobody waits any more: nobody may join.
  std::stop_source stop;
  MoveMark mark;
  MoveStage stage = MoveStage::kPrepare;
  ModelRecord* record = nullptr;  // Stays while its move runs.

  // What the steps make and hand on.
  Stopwatch since_asked;
  Stopwatch since_step;
  MoveReport report;
  std::string version_path;  // For the record.
  int64_t version = 0;
  std::optional<SignatureFile> sidecar;
  std::shared_ptr<const Signature> signature;   // A load's, with its program.
  std::unique_ptr<TorchScriptArchive> archive;  // A load's.
  std::unique_ptr<Program> program;             // A load's, until COPY's end.
  std::unique_ptr<LoadedModel> loaded;          // A load's, until SWITCH.
  MovePlan plan;
  std::shared_ptr<const Exemplar> exemplar;         // To warm up with, if any.
  std::vector<std::unique_ptr<Residence>> fresh;    // Until SWITCH.
  std::vector<std::unique_ptr<Residence>> retired;  // From SWITCH on.
  std::unique_ptr<LoadedModel> left;  // An unload's, from SWITCH on.
};

struct Mover::Work {
  Work(Options options_in, Rooms rooms_in)
      : options(std::move(options_in)), rooms(rooms_in) {}

  // mover.cc
  Ticket Ask(MoveKind kind, LoadSpec spec, MoveDone done);
  absl::StatusOr<std::optional<MoveOutcome>> Mark(Move& move,
                                                  std::string& forgotten)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  void GiveUp(Ticket::Waiter& waiter);
  void ResumeStopped();
  void RunLoop();
  void End(Move& move, absl::Status status);
  void EndNotBegun(Move& move);  // It waits for no mover any more.

  // mover_steps.cc
  std::optional<absl::Status> Run(Move& move);
  absl::Status Prepare(Move& move);
  absl::Status Open(Move& move);
  absl::Status Decide(Move& move);
  absl::Status TakeState(Move& move, const Program& program);
  absl::Status Copy(Move& move);
  absl::Status FillHost(Move& move);
  absl::Status BuildProgram(Move& move, const WeightSet* host);
  absl::Status Fill(Move& move, Residence& residence);
  void StandStill(Move& move);
  bool AwaitStill(Move& move);
  absl::Status Switch(Move& move);
  void Publish(Move& move) ABSL_EXCLUSIVE_LOCKS_REQUIRED(rooms.table.mutex_);
  bool AwaitDrained(Move& move);

  // mover_background.cc
  absl::Status InBackground(Move& move,
                            const std::function<absl::Status()>& work);
  void Free(Move& move);
  void EndStep(Move& move, MoveStep step);
  void Count(Move& move, std::string_view from, std::string_view to,
             const TransferReport& hop);
  static TransferProgress Progress(Move& move, uint64_t base_bytes);

  const Options options;
  const Rooms rooms;

  MoveQueue queue;

  // Taken before the table's mutex, never after it.
  Mutex mutex;
  CondVar changed;  // A move's end has been told.
  std::vector<std::unique_ptr<Move>> moves ABSL_GUARDED_BY(mutex);
  int telling ABSL_GUARDED_BY(mutex) = 0;  // Ends that are being told.
  bool draining ABSL_GUARDED_BY(mutex) = false;

  std::vector<std::unique_ptr<Worker>> workers;  // Joined first.
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVER_WORK_H_
