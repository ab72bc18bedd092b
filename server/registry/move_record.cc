#include "server/registry/move_record.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_join.h"

#include "server/base/log.h"
#include "server/metrics/catalog.h"

namespace ferry {

std::string PlaceLabel(const std::vector<Place>& places) {
  if (places.empty()) return "auto";
  return places.size() == 1 ? places.front().ToString() : "several";
}

std::vector<std::string> PlaceNames(const std::vector<Place>& places) {
  if (places.empty()) return {"auto"};
  std::vector<std::string> names;
  for (const Place place : places) names.push_back(place.ToString());
  return names;
}

void StartMoveCounters(const std::vector<Device*>& devices, Metrics& metrics) {
  std::vector<Place> places = {Place::Disk()};
  for (const Device* device : devices) {
    places.push_back(Place::On(device->id()));
    metrics.Find(kVerifyFailuresTotal, {device->name()});
  }
  for (const Place from : places) {
    for (const Place to : places) {
      if (from == to || to.is_disk()) continue;
      for (const char* code : {"OK", "INTERNAL", "DATA_LOSS"}) {
        metrics.Find(kMovesTotal, {from.ToString(), to.ToString(), code});
      }
    }
  }
}

bool WorthRemembering(const absl::Status& status, bool found_file) {
  if (absl::IsInvalidArgument(status)) return found_file;
  return !absl::IsNotFound(status) && !absl::IsCancelled(status) &&
         !absl::IsUnavailable(status);
}

void MoveRecord::EndStep(MoveStep step) {
  report_.steps[static_cast<int>(step)] += since_step_.Lap();
}

// A copy and what checking added are told apart by the transfer itself.
void MoveRecord::CountHop(Place from, Place to, const TransferReport& hop) {
  EndStep(MoveStep::kCopy);
  report_.steps[static_cast<int>(MoveStep::kCopy)] -= hop.verify;
  report_.steps[static_cast<int>(MoveStep::kVerify)] += hop.verify;
  report_.size_bytes += hop.size_bytes;
  report_.chunks_refilled += hop.chunks_refilled;

  const std::string from_name = from.ToString();
  const std::string to_name = to.ToString();
  const double seconds = absl::ToDoubleSeconds(hop.copy);
  metrics_.Add(kMoveBytesTotal, {from_name, to_name},
               static_cast<double>(hop.size_bytes));
  metrics_.Observe(kTransferSeconds, {from_name, to_name}, seconds);
  if (from.is_disk() || seconds <= 0 || hop.size_bytes == 0) return;
  const double rate = calibration_.bytes_per_second(from.device(), to.device());
  if (rate <= 0) return;
  const double efficiency =
      static_cast<double>(hop.size_bytes) / seconds / rate;
  metrics_.Observe(kTransferEfficiencyRatio, {from_name, to_name}, efficiency);
  report_.efficiency = report_.efficiency == 0
                           ? efficiency
                           : std::min(report_.efficiency, efficiency);
}

const MoveReport& MoveRecord::End(const ModelId& model, std::vector<Place> from,
                                  std::vector<Place> to, bool verified,
                                  const absl::Status& status) {
  report_.model = model;
  report_.from = std::move(from);
  report_.to = std::move(to);
  report_.total = since_asked_.Elapsed();
  report_.verified = verified;
  report_.ended_at = absl::Now();
  report_.status = status;
  if (const auto copy = report_.steps[static_cast<int>(MoveStep::kCopy)];
      copy > absl::ZeroDuration()) {
    report_.bytes_per_second =
        static_cast<double>(report_.size_bytes) / absl::ToDoubleSeconds(copy);
  }

  const std::string from_label = PlaceLabel(report_.from);
  const std::string to_label = PlaceLabel(report_.to);
  metrics_.Add(kMovesTotal,
               {from_label, to_label, absl::StatusCodeToString(status.code())});
  if (!status.ok()) return report_;
  for (int step = 0; step < kMoveSteps; ++step) {
    metrics_.Observe(
        kMoveStepSeconds,
        {from_label, to_label, StepName(static_cast<MoveStep>(step))},
        absl::ToDoubleSeconds(report_.steps[step]));
  }
  Log(LogLevel::kInfo, "moved",
      {{"model", model.name},
       {"from", absl::StrJoin(PlaceNames(report_.from), ",")},
       {"to", absl::StrJoin(PlaceNames(report_.to), ",")},
       {"bytes", report_.size_bytes},
       {"seconds", report_.total},
       {"verified", verified}});
  return report_;
}

}  // namespace ferry
