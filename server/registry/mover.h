// A Mover loads, moves and unloads models: the only code that changes where a
// model is.
//
// Every kind of move runs the same steps, top to bottom, in mover_steps.cc:
// DECIDE, COPY, SWITCH, DRAIN. Nothing visible changes before SWITCH; whatever
// fails or is cancelled before it is undone by dropping leases; after it
// nothing can fail.
//
// Owns:     its workers and the moves under way. Everything else outlives it.
// Threads:  thread-safe. Load, Migrate and Unload return at once; their `done`
//           is called exactly once: from a worker, from Drain when none had
//           begun it, or from the caller before the call returns when there
//           was nothing to do or it was refused.
// Units:    bytes.
// Fails:    as ferry.v1's ModelService says.
// Limits:   Options::moves_max moves at a time, kMovesQueuedMax waiting;
//           Options::waiters_max clients that wait for one load.

#ifndef SERVER_REGISTRY_MOVER_H_
#define SERVER_REGISTRY_MOVER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/devices/device_pool.h"
#include "server/metrics/metrics.h"
#include "server/registry/destination.h"
#include "server/registry/model_state.h"
#include "server/registry/model_table.h"
#include "server/transfer/calibration.h"
#include "server/transfer/transfer_engine.h"
#include "server/weights/weight_store.h"

namespace ferry {

struct LoadSpec {
  std::string name;
  std::string path;     // Empty: found by name and version.
  int64_t version = 0;  // 0: the highest.
  Destination destination;
  bool operator==(const LoadSpec&) const = default;
};

struct MoveOutcome {
  ModelSnapshot model;
  std::optional<MoveReport> report;  // Empty when there was nothing to do.
};
using MoveDone = std::function<void(absl::StatusOr<MoveOutcome>)>;

class Mover {
 public:
  static constexpr size_t kMovesQueuedMax = 256;

  struct Options {
    std::vector<std::string> model_directories;
    int moves_max = 4;
    size_t waiters_max = 256;
  };
  struct Rooms {  // All outlive the Mover.
    DevicePool& devices;
    WeightStore& weights;
    TransferEngine& transfers;
    const Calibration& calibration;
    ModelTable& table;
    Metrics& metrics;
  };
  Mover(Options options, Rooms rooms);
  ~Mover();  // Cancels what is under way, waits for it; then unloads nothing.

  Mover(const Mover&) = delete;
  Mover& operator=(const Mover&) = delete;

  // One client's wait for a move. Destroying it before the end says that the
  // client is gone: `done` is then called with CANCELLED, from the destructor
  // (unless a worker is just calling it), and when nobody waits any more, a
  // move that has not switched yet is undone. Destroying it after the end does
  // nothing; it may be destroyed in `done`.
  class [[nodiscard]] Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();

   private:
    friend class Mover;
    struct Waiter;  // mover_work.h
    explicit Ticket(std::shared_ptr<Waiter> waiter)
        : waiter_(std::move(waiter)) {}
    std::shared_ptr<Waiter> waiter_;
  };

  Ticket Load(LoadSpec spec, MoveDone done);
  Ticket Migrate(std::string name, Destination destination, MoveDone done);
  Ticket Unload(std::string name, MoveDone done);

  // Refuses new moves with UNAVAILABLE and cancels those under way; then waits
  // for their end, told to all, or until `limit` is over. A move that has
  // switched ends only with the last request on its old place. True when none
  // is left.
  bool Drain(absl::Duration limit);

  // Destroys every model. Call after a Drain that left none, when no request
  // is left either.
  void Clear();

 private:
  struct Move;  // Both in mover_work.h.
  struct Work;
  std::unique_ptr<Work> work_;
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVER_H_
