#include "server/registry/move_record.h"

#include "absl/status/status.h"
#include "absl/strings/str_join.h"

#include "server/base/log.h"
#include "server/metrics/catalog.h"

namespace ferry {

std::string PlaceLabel(const std::vector<std::string>& places) {
  if (places.empty()) return kDisk;
  return places.size() == 1 ? places.front() : "several";
}

void StartMoveCounters(const std::vector<Device*>& devices, Metrics& metrics) {
  std::vector<std::string> places = {kDisk};
  for (const Device* device : devices) {
    places.push_back(device->name());
    metrics.Find(kVerifyFailuresTotal, {device->name()});
  }
  for (const std::string& from : places) {
    for (const std::string& to : places) {
      if (from == to || to == kDisk) continue;
      for (const char* code : {"OK", "INTERNAL", "DATA_LOSS"}) {
        metrics.Find(kMovesTotal, {from, to, code});
      }
    }
  }
}

bool WorthRemembering(const absl::Status& status, bool found_file) {
  if (absl::IsInvalidArgument(status)) return found_file;
  return !absl::IsNotFound(status) && !absl::IsCancelled(status) &&
         !absl::IsUnavailable(status);
}

void RecordMove(const MoveReport& report, Metrics& metrics) {
  const std::string from = PlaceLabel(report.from);
  const std::string to = PlaceLabel(report.to);
  metrics.Add(kMovesTotal,
              {from, to, absl::StatusCodeToString(report.status.code())});
  if (!report.status.ok()) return;
  for (int step = 0; step < kMoveSteps; ++step) {
    metrics.Observe(kMoveStepSeconds,
                    {from, to, StepName(static_cast<MoveStep>(step))},
                    absl::ToDoubleSeconds(report.steps[step]));
  }
  Log(LogLevel::kInfo, "moved",
      {{"model", report.model},
       {"from", absl::StrJoin(report.from, ",")},
       {"to", absl::StrJoin(report.to, ",")},
       {"bytes", report.size_bytes},
       {"seconds", report.total},
       {"verified", report.verified}});
}

}  // namespace ferry
