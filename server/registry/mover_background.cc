// How a mover has a move's long work done, and what is counted of it.

#include <algorithm>
#include <optional>
#include <utility>

#include "server/base/mutex.h"
#include "server/base/worker.h"
#include "server/metrics/catalog.h"
#include "server/registry/mover_work.h"

namespace ferry {
namespace {

// How often those who watch a model are told how far it is.
constexpr absl::Duration kProgressInterval = absl::Milliseconds(100);

}  // namespace

// What takes a processor for long, on a thread that leaves processors to those
// who serve. The mover itself only waits, decides and tells: it takes locks and
// writes to clients, so it must never be kept from going on. `work` may do
// neither.
absl::Status Mover::Work::InBackground(
    Move& move, const std::function<absl::Status()>& work) {
  Mutex ended_mutex;
  CondVar ended;
  std::optional<absl::Status> status;
  const Worker builder("builder", Worker::Priority::kLow, [&] {
    absl::Status done = work();
    MutexLock lock(ended_mutex);
    status = std::move(done);
    ended.NotifyAll();
  });
  const auto now = [&] {
    return std::pair<MoveStep, uint64_t>(move.mark.step, move.mark.done_bytes);
  };
  auto told = now();
  while (true) {
    {
      MutexLock lock(ended_mutex);
      if (!status) ended.WaitFor(ended_mutex, kProgressInterval);
      if (status) return *std::move(status);
    }
    if (told == now()) continue;
    told = now();
    rooms.table.NotifyChanged(move.spec.name);
  }
}

TransferProgress Mover::Work::Progress(Move& move, uint64_t base_bytes) {
  return [&move, base_bytes](uint64_t done_bytes) {
    move.mark.done_bytes = base_bytes + done_bytes;
  };
}

// Gives back what was prepared or retired, Instances before the weights that
// they are bound to. Nothing to do for a move that has not begun: its client's
// own thread ends it.
void Mover::Work::Free(Move& move) {
  if (move.fresh.empty() && move.retired.empty() && move.left == nullptr &&
      move.loaded == nullptr && move.program == nullptr &&
      move.archive == nullptr) {
    return;
  }
  InBackground(move, [&] {
    move.fresh.clear();
    move.retired.clear();
    move.left.reset();
    move.program.reset();
    move.loaded.reset();
    move.archive.reset();
    return absl::OkStatus();
  }).IgnoreError();
}

void Mover::Work::EndStep(Move& move, MoveStep step) {
  move.report.steps[static_cast<int>(step)] += move.since_step.Lap();
}

// Books one hop. Its copy and what checking added are told apart by the
// transfer itself.
void Mover::Work::Count(Move& move, std::string_view from, std::string_view to,
                        const TransferReport& hop) {
  EndStep(move, MoveStep::kCopy);
  auto& steps = move.report.steps;
  steps[static_cast<int>(MoveStep::kCopy)] -= hop.verify;
  steps[static_cast<int>(MoveStep::kVerify)] += hop.verify;
  move.report.size_bytes += hop.size_bytes;
  move.report.chunks_refilled += hop.chunks_refilled;

  const double seconds = absl::ToDoubleSeconds(hop.copy);
  rooms.metrics.Add(kMoveBytesTotal, {from, to},
                    static_cast<double>(hop.size_bytes));
  rooms.metrics.Observe(kTransferSeconds, {from, to}, seconds);
  if (from == kDisk || seconds <= 0 || hop.size_bytes == 0) return;
  const double rate = rooms.calibration.bytes_per_second(
      DeviceId{}, move.fresh.empty() ? DeviceId{} : *DeviceId::Parse(to));
  if (rate <= 0) return;
  const double efficiency =
      static_cast<double>(hop.size_bytes) / seconds / rate;
  rooms.metrics.Observe(kTransferEfficiencyRatio, {from, to}, efficiency);
  move.report.efficiency = move.report.efficiency == 0
                               ? efficiency
                               : std::min(move.report.efficiency, efficiency);
}

}  // namespace ferry
