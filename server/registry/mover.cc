#include "server/registry/mover.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/invariant.h"
#include "server/base/status_macros.h"
#include "server/registry/mover_work.h"

namespace ferry {
namespace {

std::vector<std::string> Names(const std::vector<DeviceId>& devices) {
  std::vector<std::string> names;
  for (const DeviceId device : devices) names.push_back(device.ToString());
  return names;
}

std::vector<std::string> NamesOf(const Destination& destination) {
  if (destination.automatic) return {"auto"};
  return Names(destination.devices);
}

}  // namespace

Mover::Mover(Options options, Rooms rooms)
    : work_(std::make_unique<Work>(std::move(options), rooms)) {
  StartMoveCounters(work_->rooms.devices.devices(), work_->rooms.metrics);
  for (int i = 0; i < work_->options.moves_max; ++i) {
    work_->workers.push_back(std::make_unique<Worker>(
        absl::StrCat("mover-", i), [work = work_.get()] { work->RunLoop(); }));
  }
}

Mover::~Mover() {
  Drain(absl::InfiniteDuration());
  work_->queue.Close();
  work_->workers.clear();
  Clear();
}

Mover::Ticket Mover::Load(LoadSpec spec, MoveDone done) {
  return work_->Ask(MoveKind::kLoad, std::move(spec), std::move(done));
}

Mover::Ticket Mover::Migrate(std::string name, Destination destination,
                             MoveDone done) {
  return work_->Ask(MoveKind::kMigrate,
                    {.name = std::move(name),
                     .path = "",
                     .version = 0,
                     .destination = std::move(destination)},
                    std::move(done));
}

Mover::Ticket Mover::Unload(std::string name, MoveDone done) {
  return work_->Ask(
      MoveKind::kUnload,
      {.name = std::move(name), .path = "", .version = 0, .destination = {}},
      std::move(done));
}

Mover::Ticket Mover::Work::Ask(MoveKind kind, LoadSpec spec, MoveDone done) {
  auto waiter = std::make_shared<Ticket::Waiter>();
  waiter->done = std::move(done);
  waiter->work = this;
  absl::StatusOr<std::optional<MoveOutcome>> answer = std::nullopt;
  const std::string name = spec.name;
  std::string forgotten;

  if (absl::Status named = CheckModelName(name); !named.ok()) {
    waiter->Tell(named);
    return Ticket(std::move(waiter));
  }
  {
    MutexLock lock(mutex);
    const auto same = std::ranges::find_if(moves, [&](const auto& move) {
      return kind == MoveKind::kLoad && move->kind == kind &&
             move->spec == spec && !move->abandoned;
    });
    if (same == moves.end()) {
      auto move = std::make_unique<Move>();
      move->kind = kind;
      move->spec = std::move(spec);
      move->waiters.push_back(waiter);
      move->mark.resume = [this, &entry = *move] { queue.Resume(entry); };
      answer = Mark(*move, forgotten);
      if (answer.ok() && !answer->has_value()) {
        waiter->move = move.get();
        moves.push_back(std::move(move));
        queue.Add(*moves.back());
      }
    } else if ((*same)->waiters.size() < options.waiters_max) {
      (*same)->waiters.push_back(waiter);
      waiter->move = same->get();
      return Ticket(std::move(waiter));
    } else {
      answer = absl::ResourceExhaustedError(absl::StrCat(
          "model \"", name, "\": ", (*same)->waiters.size(),
          " clients wait for this load already, as many as may; GetModel tells "
          "how it goes"));
    }
  }
  if (!forgotten.empty()) rooms.table.NotifyChanged(forgotten);
  if (!answer.ok()) {
    waiter->Tell(answer.status());
  } else if (answer->has_value()) {
    waiter->Tell(**std::move(answer));
  } else {
    rooms.table.NotifyChanged(name);
  }
  return Ticket(std::move(waiter));
}

// Marks the model as moving; or refuses; or answers at once when there is
// nothing to do. `forgotten` is the model that made room, if one had to.
absl::StatusOr<std::optional<MoveOutcome>> Mover::Work::Mark(
    Move& move, std::string& forgotten) {
  if (draining) {
    return absl::UnavailableError("the server is draining; use another");
  }
  if (const size_t waiting = queue.not_begun(); waiting >= kMovesQueuedMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(waiting, " moves are waiting already; back off"));
  }
  ModelTable& table = rooms.table;
  MutexLock lock(table.mutex_);
  auto& records = table.records_;
  auto found = records.find(move.spec.name);
  const std::string quoted = absl::StrCat("model \"", move.spec.name, "\"");

  if (found != records.end() && found->second->move != nullptr) {
    return absl::AbortedError(absl::StrCat(
        quoted, ": another move of it is under way, to ",
        PlaceLabel(found->second->move->to), "; try again when it has ended"));
  }
  const bool serves =
      found != records.end() && !found->second->residences.empty();
  std::vector<DeviceId> serving;
  if (serves) {
    for (const auto& residence : found->second->residences) {
      serving.push_back(residence->device);
    }
    std::ranges::sort(serving);
  }
  const Destination& wanted = move.spec.destination;
  // Not when one of them has failed.
  const bool already = serves &&
                       table.Serving(*found->second).size() == serving.size() &&
                       (wanted.automatic || wanted.devices == serving);

  switch (move.kind) {
    case MoveKind::kLoad:
      if (serves) {
        const ModelRecord& record = *found->second;
        const bool same_source =
            (move.spec.path.empty() || move.spec.path == record.path) &&
            (move.spec.version == 0 || move.spec.version == record.version);
        if (same_source && already) {
          return MoveOutcome{table.SnapshotOf(record), std::nullopt};
        }
        return absl::AlreadyExistsError(absl::StrCat(
            quoted, ": it is loaded already, from ", record.path, " version ",
            record.version, " on ", PlaceLabel(Names(serving)),
            same_source ? "; MigrateModel carries it to other devices"
                        : "; unload it first, or use another name"));
      }
      if (found == records.end()) {
        if (records.size() >= table.options_.models_max) {
          // What is only remembered for its last error makes room.
          const auto cold = std::ranges::find_if(records, [](const auto& r) {
            return r.second->loaded == nullptr && r.second->move == nullptr;
          });
          if (cold != records.end()) {
            forgotten = cold->first;
            records.erase(cold);
          }
        }
        if (records.size() >= table.options_.models_max) {
          return absl::ResourceExhaustedError(
              absl::StrCat(quoted, ": ", records.size(),
                           " models are known, which is the most; unload one"));
        }
        found = records.emplace(move.spec.name, std::make_unique<ModelRecord>())
                    .first;
        found->second->name = move.spec.name;
      }
      move.mark.from = {kDisk};
      move.mark.to = NamesOf(wanted);
      break;
    case MoveKind::kMigrate:
    case MoveKind::kUnload:
      if (found == records.end()) {
        return absl::NotFoundError(
            absl::StrCat(quoted, ": there is no such model here"));
      }
      if (move.kind == MoveKind::kMigrate && !serves) {
        return absl::FailedPreconditionError(
            absl::StrCat(quoted, ": it is not loaded; LoadModel loads it"));
      }
      if (move.kind == MoveKind::kMigrate && already) {
        return MoveOutcome{table.SnapshotOf(*found->second), std::nullopt};
      }
      move.mark.from = Names(serving);
      move.mark.to = move.kind == MoveKind::kUnload
                         ? std::vector<std::string>{kDisk}
                         : NamesOf(wanted);
      break;
  }
  move.record = found->second.get();
  move.mark.started_at = absl::Now();
  move.record->move = &move.mark;
  return std::nullopt;
}

void Mover::Work::RunLoop() {
  while (MoveQueue::Entry* const entry = queue.Take()) {
    Move& move = static_cast<Move&>(*entry);
    // Without a status it waits, and whoever lets it go on has it.
    if (std::optional<absl::Status> status = Run(move)) {
      for (const Device* device : rooms.devices.devices()) {
        if (!status->ok()) rooms.table.AskHealth(*device);
      }
      End(move, *std::move(status));
    }
  }
}

// The end of every move: forget it, report it, tell everybody.
void Mover::Work::End(Move& move, absl::Status status) {
  // Whatever was prepared and not published goes back first, so that an
  // answer means that its bytes are free again.
  Free(move);
  {
    MutexLock lock(mutex);
    if (absl::IsCancelled(status) && draining && !move.abandoned) {
      status = absl::UnavailableError(
          "the server is draining and the move was undone; use another");
    }
  }

  MoveReport& report = move.report;
  report.model = move.spec.name;
  report.from = move.mark.from;
  report.to = move.mark.to;
  report.total = move.since_asked.Elapsed();
  report.ended_at = absl::Now();
  report.status = status;
  if (const auto copy = report.steps[static_cast<int>(MoveStep::kCopy)];
      copy > absl::ZeroDuration()) {
    report.bytes_per_second =
        static_cast<double>(report.size_bytes) / absl::ToDoubleSeconds(copy);
  }
  RecordMove(report, rooms.metrics);
  rooms.table.KeepReport(report);

  const std::string name = move.spec.name;
  Move::Waiters waiters;
  std::unique_ptr<Move> ended;
  std::unique_ptr<ModelRecord> gone;
  MoveOutcome outcome{.model = {}, .report = report};
  {
    MutexLock lock(mutex);
    const auto found =
        std::ranges::find(moves, &move, &std::unique_ptr<Move>::get);
    ended = std::move(*found);
    moves.erase(found);
    ++telling;
    waiters.swap(move.waiters);
    for (const auto& waiter : waiters) waiter->move = nullptr;

    ModelTable& table = rooms.table;
    MutexLock table_lock(table.mutex_);
    ModelRecord& record = *move.record;
    record.move = nullptr;
    outcome.model = table.SnapshotOf(record);
    const bool forget =
        record.loaded == nullptr &&
        (status.ok() || !WorthRemembering(status, !move.version_path.empty()));
    if (forget) {
      const auto found = table.records_.find(record.name);
      gone = std::move(found->second);
      table.records_.erase(found);
    } else if (!status.ok()) {
      record.last_error = std::string(status.message());
    } else {
      record.last_error.clear();
    }
  }
  ended.reset();
  rooms.table.NotifyChanged(name);
  for (const auto& waiter : waiters) {
    if (status.ok()) {
      waiter->Tell(outcome);
    } else {
      waiter->Tell(status);
    }
  }
  MutexLock lock(mutex);
  --telling;
  changed.NotifyAll();
}

void Mover::Work::GiveUp(Ticket::Waiter& waiter) {
  std::stop_source stop(std::nostopstate);
  Move* not_begun = nullptr;
  {
    MutexLock lock(mutex);
    if (waiter.move == nullptr) return;
    auto& waiters = waiter.move->waiters;
    std::erase_if(waiters, [&](const auto& w) { return w.get() == &waiter; });
    if (waiters.empty()) {
      waiter.move->abandoned = true;
      stop = waiter.move->stop;
      if (queue.Remove(*waiter.move)) not_begun = waiter.move;
    }
    waiter.move = nullptr;
  }
  stop.request_stop();
  if (not_begun != nullptr) EndNotBegun(*not_begun);
  ResumeStopped();
}

// What these wait for does not matter any more. Those that have switched will
// only wait again.
void Mover::Work::ResumeStopped() {
  MutexLock lock(mutex);
  MutexLock table_lock(rooms.table.mutex_);
  for (const auto& move : moves) {
    if (move->stop.stop_requested()) rooms.table.Resume(*move->record);
  }
}

void Mover::Work::EndNotBegun(Move& move) {
  EndStep(move, MoveStep::kQueue);
  End(move, absl::CancelledError("the move was cancelled"));
}

bool Mover::Drain(absl::Duration limit) {
  const absl::Duration until = RealClock().Monotonic() + limit;
  std::vector<std::stop_source> stops;
  std::vector<Move*> not_begun;
  {
    MutexLock lock(work_->mutex);
    work_->draining = true;
    for (const auto& move : work_->moves) {
      stops.push_back(move->stop);
      if (work_->queue.Remove(*move)) not_begun.push_back(move.get());
    }
  }
  for (std::stop_source& stop : stops) stop.request_stop();
  for (Move* move : not_begun) work_->EndNotBegun(*move);
  work_->ResumeStopped();
  MutexLock lock(work_->mutex);
  while (!work_->moves.empty() || work_->telling > 0) {
    const absl::Duration left = until - RealClock().Monotonic();
    if (left <= absl::ZeroDuration()) return false;
    work_->changed.WaitFor(work_->mutex, left);
  }
  return true;
}

void Mover::Clear() {
  absl::flat_hash_map<std::string, std::unique_ptr<ModelRecord>> gone;
  ModelTable& table = work_->rooms.table;
  MutexLock lock(table.mutex_);
  for (const auto& [name, record] : table.records_) {
    INVARIANT(record->move == nullptr && record->admissions == 0);
  }
  gone.swap(table.records_);
}

Mover::Ticket& Mover::Ticket::operator=(Ticket&& other) noexcept {
  Ticket taken(std::move(other));
  std::swap(waiter_, taken.waiter_);
  return *this;  // `taken` gives up what this object waited for before.
}

Mover::Ticket::~Ticket() {
  if (waiter_ == nullptr || waiter_->told) return;
  waiter_->work->GiveUp(*waiter_);
  waiter_->Tell(absl::CancelledError("the client went away"));
}

}  // namespace ferry
