#include "server/registry/move_claim.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/invariant.h"
#include "server/base/mutex.h"
#include "server/base/status_macros.h"
#include "server/registry/move_record.h"

namespace ferry {

absl::StatusOr<MoveStart> ModelTable::BeginMove(const MoveRequest& request,
                                                std::function<void()> resume) {
  auto mark = std::make_unique<MoveMark>();
  mark->started_at = absl::Now();
  mark->resume = std::move(resume);
  std::unique_ptr<ModelRecord> forgotten;
  MoveStart start;
  {
    MutexLock lock(mutex_);
    ModelRecord* record = Find(request.model.name);
    MoveFacts facts;
    if (record != nullptr) facts = FactsOf(*record);
    ASSIGN_OR_RETURN(const MoveVerdict verdict,
                     CheckMove(request, record == nullptr ? nullptr : &facts));
    if (verdict == MoveVerdict::kNothingToDo) {
      start.nothing_to_do = SnapshotOf(*record);
      return start;
    }
    if (record == nullptr) {
      ASSIGN_OR_RETURN(record, Add(request.model.name, forgotten));
    }
    mark->from = PlacesOn(facts.residences);
    if (mark->from.empty()) mark->from = {Place::Disk()};
    mark->to = request.kind == MoveKind::kUnload
                   ? std::vector<Place>{Place::Disk()}
                   : PlacesOn(request.destination.devices);
    record->move = mark.get();
    start.claim.emplace(MoveClaim(*this, *record, std::move(mark)));
  }
  if (forgotten != nullptr) NotifyChanged(forgotten->id.name);
  NotifyChanged(request.model.name);
  return start;
}

MoveFacts ModelTable::FactsOf(const ModelRecord& record) const {
  MoveFacts facts{
      .model = record.id,
      .path = record.path,
      .residences = {},
      .all_serve = Serving(record).size() == record.residences.size(),
      .moving_to = std::nullopt};
  for (const auto& residence : record.residences) {
    facts.residences.push_back(residence->device);
  }
  std::ranges::sort(facts.residences);
  if (record.move != nullptr) facts.moving_to = record.move->to;
  return facts;
}

absl::StatusOr<ModelRecord*> ModelTable::Add(
    const std::string& name, std::unique_ptr<ModelRecord>& forgotten) {
  if (records_.size() >= options_.models_max) {
    // What is only remembered for its last error makes room.
    const auto cold = std::ranges::find_if(records_, [](const auto& entry) {
      return entry.second->loaded == nullptr && entry.second->move == nullptr;
    });
    if (cold == records_.end()) {
      return absl::ResourceExhaustedError(
          absl::StrCat(QuotedModel(name), ": ", records_.size(),
                       " models are known, which is the most; unload one"));
    }
    forgotten = Forget(*cold->second);
  }
  auto record = std::make_unique<ModelRecord>(name, metrics_);
  const ModelId id = record->id;
  return records_.emplace(id, std::move(record)).first->second.get();
}

void ModelTable::Rekey(ModelRecord& record, int64_t version) {
  auto node = records_.extract(record.id);
  INVARIANT(node.mapped().get() == &record);
  record.id.version = version;
  node.key() = record.id;
  INVARIANT(records_.insert(std::move(node)).inserted);
}

std::unique_ptr<ModelRecord> ModelTable::Forget(const ModelRecord& record) {
  auto node = records_.extract(record.id);
  INVARIANT(node.mapped().get() == &record);
  return std::move(node.mapped());
}

void ModelTable::Clear() {
  decltype(records_) gone;
  MutexLock lock(mutex_);
  for (const auto& [id, record] : records_) {
    INVARIANT(record->move == nullptr && record->admissions == 0);
  }
  gone.swap(records_);
}

MoveClaim::~MoveClaim() { INVARIANT(mark_ == nullptr); }

const ModelId& MoveClaim::id() const { return record_->id; }

// Only the claim changes it, so it is read without the lock.
const LoadedModel* MoveClaim::loaded() const { return record_->loaded.get(); }

std::vector<DeviceId> MoveClaim::residences() const {
  std::vector<DeviceId> devices;
  MutexLock lock(table_->mutex_);
  for (const auto& residence : record_->residences) {
    if (residence->damage.ok()) devices.push_back(residence->device);
  }
  return devices;
}

std::shared_ptr<const Exemplar> MoveClaim::exemplar() const {
  MutexLock lock(table_->mutex_);
  return record_->exemplar;
}

Instance& MoveClaim::instance() const {
  INVARIANT(record_->residences.size() == 1);
  return *record_->residences.front()->instance;
}

void MoveClaim::Plan(std::vector<Place> to, uint64_t total_bytes) const {
  MutexLock lock(table_->mutex_);
  mark_->to = std::move(to);
  mark_->total_bytes = total_bytes;
}

void MoveClaim::Close() const {
  {
    MutexLock lock(table_->mutex_);
    record_->leaving = true;
  }
  Tell();
}

void MoveClaim::Pause() const {
  {
    MutexLock lock(table_->mutex_);
    INVARIANT(record_->residences.size() == 1);
    record_->stands_still = true;
    record_->residences.front()->awaited = true;
  }
  Tell();
}

bool MoveClaim::paused() const { return record_->stands_still; }

bool MoveClaim::AwaitIdle() const {
  MutexLock lock(table_->mutex_);
  return (!record_->leaving || record_->admissions == 0) &&
         (!record_->stands_still || record_->residences.front()->pins == 0);
}

void MoveClaim::Reopen() const {
  {
    MutexLock lock(table_->mutex_);
    record_->leaving = false;
    for (const auto& residence : record_->residences) {
      residence->awaited = false;
    }
  }
  EndPause();
}

void MoveClaim::EndPause() const {
  if (!record_->stands_still) return;
  Tell();  // Requests that wait go along before the first of them may run.
  record_->stands_still = false;
  Tell();
}

MoveClaim::Retired MoveClaim::Publish(Edit edit) const {
  Retired retired;
  {
    MutexLock lock(table_->mutex_);
    ModelRecord& record = *record_;
    auto& residences = record.residences;
    const auto stays = [&](const std::unique_ptr<Residence>& residence) {
      return !edit.unload &&
             std::ranges::count(edit.keep, residence->device) != 0;
    };
    const auto dropped =
        std::stable_partition(residences.begin(), residences.end(), stays);
    std::move(dropped, residences.end(),
              std::back_inserter(retired.residences));
    residences.erase(dropped, residences.end());
    std::ranges::move(edit.add, std::back_inserter(residences));
    if (edit.unload) {
      retired.loaded = std::move(record.loaded);
    } else if (edit.version != 0) {
      record.loaded = std::move(edit.loaded);
      record.path = std::move(edit.path);
      record.signature =
          record.loaded == nullptr ? nullptr : record.loaded->signature;
      record.learned = false;
      record.exemplar = nullptr;
      record.loaded_at = absl::Now();
      table_->Rekey(record, edit.version);
    }
    record.run_estimate.Forget();
  }
  EndPause();
  return retired;
}

bool MoveClaim::AwaitIdle(const Retired& retired) const {
  MutexLock lock(table_->mutex_);
  bool idle = true;
  for (const auto& residence : retired.residences) {
    residence->awaited = true;
    idle &= residence->pins == 0;
  }
  return idle;
}

void MoveClaim::Tell() const { table_->NotifyChanged(record_->id.name); }

ModelSnapshot MoveClaim::End(const absl::Status& status, bool found_file) {
  const std::string name = model();
  std::unique_ptr<ModelRecord> gone;
  ModelSnapshot snapshot;
  {
    MutexLock lock(table_->mutex_);
    ModelRecord& record = *record_;
    record.move = nullptr;
    snapshot = table_->SnapshotOf(record);
    if (record.residences.empty() &&
        (status.ok() || !WorthRemembering(status, found_file))) {
      gone = table_->Forget(record);
    } else {
      record.last_error = std::string(status.message());
    }
  }
  mark_.reset();
  table_->NotifyChanged(name);
  return snapshot;
}

}  // namespace ferry
