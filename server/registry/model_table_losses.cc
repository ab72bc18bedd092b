// What a ModelTable does about devices that have failed and weights that were
// written; model_table.h declares it.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/registry/model_record.h"
#include "server/registry/model_table.h"

namespace ferry {

bool ModelTable::Serves(const Residence& residence) const {
  return residence.damage.ok() && !lost_.contains(residence.device);
}

ModelTable::Devices ModelTable::Serving(const ModelRecord& record) const {
  Devices devices;
  for (const auto& residence : record.residences) {
    if (Serves(*residence)) devices.push_back(residence->device);
  }
  return devices;
}

ModelTable::Devices ModelTable::Where(const Admission& admission) const {
  MutexLock lock(mutex_);
  return Serving(*admission.record_);
}

absl::Status ModelTable::WhyNowhere(const Admission& admission) const {
  MutexLock lock(mutex_);
  return WhyNowhere(*admission.record_);
}

absl::Status ModelTable::WhyNowhere(const ModelRecord& record) const {
  std::string reasons;
  for (const auto& residence : record.residences) {
    if (!residence->damage.ok()) return residence->damage;
    const auto lost = lost_.find(residence->device);
    if (lost == lost_.end()) continue;
    absl::StrAppend(&reasons, reasons.empty() ? "" : "; ",
                    lost->second.message());
  }
  if (reasons.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(QuotedModel(record.id.name), ": no device serves it now"));
  }
  return absl::UnavailableError(absl::StrCat(
      QuotedModel(record.id.name), ": no device that serves it works: ",
      reasons, "; MigrateModel carries it to another"));
}

bool ModelTable::AskHealth(const Device& device) {
  const absl::Status health = device.Health();
  if (health.ok()) return true;
  std::vector<std::string> names;
  {
    MutexLock lock(mutex_);
    if (!lost_.emplace(device.id(), health).second) return false;
    for (const auto& [id, record] : records_) {
      if (std::ranges::any_of(record->residences, [&](const auto& residence) {
            return residence->device == device.id();
          })) {
        names.push_back(id.name);
      }
    }
  }
  if (options_.lost) options_.lost(device.id(), health);
  for (const std::string& name : names) NotifyChanged(name);
  return false;
}

bool ModelTable::HasStranded() const {
  MutexLock lock(mutex_);
  if (lost_.empty()) return false;
  return std::ranges::any_of(
      records_,
      [this](const auto& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        const auto& residences = entry.second->residences;
        return !residences.empty() &&
               std::ranges::all_of(
                   residences, [this](const auto& residence)
                                   ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
                                     return lost_.contains(residence->device);
                                   });
      });
}

void ModelTable::Audit(const Pin& pin) {
  if (options_.audit_runs == 0) return;
  ModelRecord& record = *pin.record_;
  const uint64_t run = ++record.runs;
  const LoadedModel& loaded = *record.loaded;
  const auto& chunks = loaded.plan.chunks;
  if (run % options_.audit_runs != 0 || chunks.empty()) return;
  const size_t index = run / options_.audit_runs % chunks.size();
  Residence& residence = *pin.residence_;
  const WeightSet& weights =
      residence.weights.has_value() ? *residence.weights : loaded.host;
  const auto hash = weights.device().HashOf(
      weights.data() + chunks[index].offset_bytes, chunks[index].size_bytes);
  if (!hash.ok()) {
    AskHealth(weights.device());
    return;
  }
  if (*hash != loaded.checksums[index]) Damaged(record, residence, index);
}

void ModelTable::Damaged(ModelRecord& record, Residence& residence,
                         size_t chunk) {
  const absl::Status damage = absl::DataLossError(absl::StrCat(
      QuotedModel(record.id.name), ": its weights on ",
      residence.device.ToString(), " are no longer those of its file: bytes ",
      record.loaded->plan.chunks[chunk].offset_bytes, " to ",
      record.loaded->plan.chunks[chunk].offset_bytes +
          record.loaded->plan.chunks[chunk].size_bytes,
      " changed while it served, which its operators or the memory must have "
      "done; its answers since may be wrong. Unload it and load it again"));
  {
    MutexLock lock(mutex_);
    if (!residence.damage.ok()) return;
    residence.damage = damage;
    record.last_error = std::string(damage.message());
  }
  if (options_.damaged) options_.damaged(residence.device, damage);
  NotifyChanged(record.id.name);
}

}  // namespace ferry
