// A MoveRecord is what is measured of one move, from its beginning to its end:
// the report, counters and histograms, and a line of the log if it ended well.
// Of one that failed whoever asked is told.
//
// Threads:  one thread at a time; the functions any.
// Units:    bytes; absl durations.
// Limits:   labels are places, or one word for several or for none yet.

#ifndef SERVER_REGISTRY_MOVE_RECORD_H_
#define SERVER_REGISTRY_MOVE_RECORD_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

#include "server/base/clock.h"
#include "server/devices/place.h"
#include "server/metrics/metrics.h"
#include "server/registry/model_state.h"
#include "server/transfer/calibration.h"
#include "server/transfer/transfer_engine.h"

namespace ferry {

// One label for a set of places, "several" for more than one: the set itself
// would not be a closed set. "auto" where none has been chosen.
std::string PlaceLabel(const std::vector<Place>& places);

// As clients see a set of places: "auto" where none has been chosen.
std::vector<std::string> PlaceNames(const std::vector<Place>& places);

// A counter that is born with its first event hides that event from Prometheus,
// which only sees increases. What alerts and dashboards look at is there from
// the start: damage on every device, and loads and migrations between any two
// places, with the codes that a machine's faults have.
void StartMoveCounters(const std::vector<Device*>& devices, Metrics& metrics);

// Only for failures that came from the file or the machine is it of use to
// remember that a model exists. Where no file was found, it was the request
// that was not valid.
bool WorthRemembering(const absl::Status& status, bool found_file);

class MoveRecord {
 public:
  // Both outlive it.
  MoveRecord(const Calibration& calibration, Metrics& metrics)
      : calibration_(calibration), metrics_(metrics) {}

  // What has passed since the last call, or the beginning, was this step.
  void EndStep(MoveStep step);
  // Ends the copy, of a hop that has ended well.
  void CountHop(Place from, Place to, const TransferReport& hop);
  uint64_t copied_bytes() const { return report_.size_bytes; }

  // Counts the move, and logs it if it ended well.
  const MoveReport& End(const ModelId& model, std::vector<Place> from,
                        std::vector<Place> to, bool verified,
                        const absl::Status& status);

 private:
  const Calibration& calibration_;
  Metrics& metrics_;
  const Stopwatch since_asked_;
  Stopwatch since_step_;
  MoveReport report_;
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVE_RECORD_H_
