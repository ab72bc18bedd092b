// A Calibration is the measured raw rate of each link, host to device and back.
//
// It is what a move's rate is compared with: the best of a few copies of
// kProbeBytes from warm, registered host memory, made once at start. A slow
// link is measured by less, so that it does not hold up the start.
//
// Owns:     the figures.
// Threads:  immutable after Create, so any.
// Units:    bytes per second.
// Fails:    as the device fails.

#ifndef SERVER_TRANSFER_CALIBRATION_H_
#define SERVER_TRANSFER_CALIBRATION_H_

#include <cstdint>
#include <map>
#include <utility>

#include "absl/status/statusor.h"

#include "server/devices/device_pool.h"
#include "server/weights/weight_store.h"

namespace ferry {

class Calibration {
 public:
  static constexpr uint64_t kProbeBytes = uint64_t{16} << 20;

  static absl::StatusOr<Calibration> Measure(DevicePool& devices,
                                             WeightStore& store);

  // The rate of copies from `from` to `to`; 0 when that link was not measured.
  double bytes_per_second(DeviceId from, DeviceId to) const;

  const std::map<std::pair<DeviceId, DeviceId>, double>& links() const {
    return links_;
  }

 private:
  std::map<std::pair<DeviceId, DeviceId>, double> links_;
};

}  // namespace ferry

#endif  // SERVER_TRANSFER_CALIBRATION_H_
