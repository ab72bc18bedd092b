#include "server/registry/mover.h"

#include <memory>
#include <utility>

#include "server/base/ids.h"
#include "server/registry/move.h"
#include "server/registry/move_record.h"

namespace ferry {

Mover::Mover(Options options, Rooms rooms)
    : options_(std::move(options)),
      rooms_(rooms),
      queue_({.moves_max = options_.moves_max,
              .waiters_max = options_.waiters_max}) {
  StartMoveCounters(rooms_.devices.devices(), rooms_.metrics);
}

Mover::~Mover() {
  queue_.Drain(absl::InfiniteDuration());
  rooms_.table.Clear();
}

Mover::Ticket Mover::Ask(MoveRequest request, MoveDone done) {
  const std::string what = QuotedModel(request.model.name);
  auto move = std::make_unique<Move>(
      std::move(request),
      MoveRooms{.model_directories = options_.model_directories,
                .formats = options_.formats,
                .devices = rooms_.devices,
                .weights = rooms_.weights,
                .transfers = rooms_.transfers,
                .calibration = rooms_.calibration,
                .table = rooms_.table,
                .history = history_,
                .metrics = rooms_.metrics});
  return queue_.Ask(what, std::move(move), std::move(done));
}

bool Mover::Drain(absl::Duration limit) { return queue_.Drain(limit); }

}  // namespace ferry
