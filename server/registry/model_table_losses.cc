// What a ModelTable does about devices that have failed; model_table.h declares
// it.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/registry/model_record.h"
#include "server/registry/model_table.h"

namespace ferry {

ModelTable::Devices ModelTable::Serving(const ModelRecord& record) const {
  Devices devices;
  for (const auto& residence : record.residences) {
    if (!lost_.contains(residence->device)) {
      devices.push_back(residence->device);
    }
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
    const auto lost = lost_.find(residence->device);
    if (lost == lost_.end()) continue;
    absl::StrAppend(&reasons, reasons.empty() ? "" : "; ",
                    lost->second.message());
  }
  if (reasons.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("model \"", record.name, "\": no device serves it now"));
  }
  return absl::UnavailableError(absl::StrCat(
      "model \"", record.name, "\": no device that serves it works: ", reasons,
      "; MigrateModel carries it to another"));
}

bool ModelTable::AskHealth(const Device& device) {
  const absl::Status health = device.Health();
  if (health.ok()) return true;
  std::vector<std::string> names;
  {
    MutexLock lock(mutex_);
    if (!lost_.emplace(device.id(), health).second) return false;
    for (const auto& [name, record] : records_) {
      if (std::ranges::any_of(record->residences, [&](const auto& residence) {
            return residence->device == device.id();
          })) {
        names.push_back(name);
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
        const ModelRecord& record = *entry.second;
        return !record.residences.empty() && Serving(record).empty();
      });
}

}  // namespace ferry
