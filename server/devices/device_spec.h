// ParseDeviceSpecs() reads which devices to open, and how much of each:
// "cpu=8GiB,sim:0=256MiB@4GBps,cuda:0=60GiB".
//
// An entry is a device, then "=" and the bytes that weights may take there,
// then, for a simulated device only, "@" and the rate of its link. Both may be
// left out.
//
// Threads:  any.
// Units:    bytes, rounded down to kCapacityUnitBytes; bytes per second.
// Fails:    INVALID_ARGUMENT, with every mistake, where it is (characters from
//           0), and what is allowed there.
// Limits:   kSimDevicesMax simulated devices.

#ifndef SERVER_DEVICES_DEVICE_SPEC_H_
#define SERVER_DEVICES_DEVICE_SPEC_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "server/devices/device.h"

namespace ferry {

inline constexpr int kSimDevicesMax = 8;
inline constexpr uint64_t kCapacityUnitBytes = 4096;

struct DeviceSpec {
  DeviceId id;
  uint64_t capacity_bytes = 0;       // 0: the kind's default.
  double link_bytes_per_second = 0;  // Simulated link; 0: as fast as memory.
};

// The cpu moved to the front, or put there with its default capacity.
std::vector<DeviceSpec> WithCpuFirst(std::vector<DeviceSpec> specs);

// The answer has the cpu first, whether `text` names it or not.
absl::StatusOr<std::vector<DeviceSpec>> ParseDeviceSpecs(std::string_view text);

}  // namespace ferry

#endif  // SERVER_DEVICES_DEVICE_SPEC_H_
