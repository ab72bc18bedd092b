// A Mover loads, moves and unloads models: the only code that changes where a
// model is.
//
// What a move does is in move.cc, top to bottom; who waits for it in
// move_queue.h; what it changes in the table in move_claim.h.
//
// Owns:     the moves under way and the threads that do them. Everything else
//           outlives it.
// Threads:  thread-safe. Ask returns at once; `done` is called as MoveQueue
//           says.
// Units:    bytes.
// Fails:    as ferry.v1's ModelService says.
// Limits:   Options::moves_max moves at a time, MoveQueue::kNotBegunMax that
//           wait; Options::waiters_max clients that wait for one load.

#ifndef SERVER_REGISTRY_MOVER_H_
#define SERVER_REGISTRY_MOVER_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "server/devices/device_pool.h"
#include "server/metrics/metrics.h"
#include "server/registry/check_move.h"
#include "server/registry/model_table.h"
#include "server/registry/move.h"
#include "server/registry/move_history.h"
#include "server/registry/move_queue.h"
#include "server/transfer/calibration.h"
#include "server/transfer/transfer_engine.h"
#include "server/weights/weight_store.h"

namespace ferry {

class Mover {
 public:
  struct Options {
    std::vector<std::string> model_directories;
    int moves_max = 4;
    size_t waiters_max = 256;
    ModelFormats formats = {};
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
  ~Mover();  // Drains without limit, and destroys every model.

  Mover(const Mover&) = delete;
  Mover& operator=(const Mover&) = delete;

  using Ticket = MoveQueue::Ticket;

  Ticket Ask(MoveRequest request, MoveDone done);

  // The last MoveHistory::kMovesKept that have ended, newest first.
  std::vector<MoveReport> Moves() const { return history_.Newest(); }

  // Refuses new moves with UNAVAILABLE and cancels those under way; then waits
  // for their end, told to all, or until `limit` is over. A move that has
  // switched ends only with the last request on its old place. True when none
  // is left.
  bool Drain(absl::Duration limit);

 private:
  const Options options_;
  const Rooms rooms_;
  MoveHistory history_;
  MoveQueue queue_;
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVER_H_
