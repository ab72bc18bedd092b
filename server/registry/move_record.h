// What is recorded of moves that have ended: counters, histograms, and a line
// of the log for each that ended well. One that failed is told to whoever
// asked.
//
// Threads:  any.
// Units:    bytes; absl durations.
// Limits:   labels are places: kDisk, a device, or one word for several.

#ifndef SERVER_REGISTRY_MOVE_RECORD_H_
#define SERVER_REGISTRY_MOVE_RECORD_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

#include "server/devices/device.h"
#include "server/metrics/metrics.h"
#include "server/registry/model_state.h"

namespace ferry {

inline constexpr char kDisk[] = "disk";

// One label for a set of places: the set itself would not be a closed set.
std::string PlaceLabel(const std::vector<std::string>& places);

// A counter that is born with its first event hides that event from Prometheus,
// which only sees increases. What alerts and dashboards look at is there from
// the start: damage on every device, and loads and migrations between any two
// places, with the codes that a machine's faults have.
void StartMoveCounters(const std::vector<Device*>& devices, Metrics& metrics);

// Only for failures that came from the file or the machine is it of use to
// remember that a model exists. Where no file was found, it was the request
// that was not valid.
bool WorthRemembering(const absl::Status& status, bool found_file);

void RecordMove(const MoveReport& report, Metrics& metrics);

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVE_RECORD_H_
