// A DevicePool is every device that the configuration names, opened.
//
// Owns:     the devices; they outlive every arena and instance on them.
// Threads:  thread-safe; the set of devices never changes after Create.
// Units:    bytes; bytes per second.
// Fails:    INVALID_ARGUMENT for a spec that does not parse or names a device
//           twice; FAILED_PRECONDITION when a device named is not there or its
//           plugin cannot be loaded.
// Limits:   kSimDevicesMax simulated devices.

#ifndef SERVER_DEVICES_DEVICE_POOL_H_
#define SERVER_DEVICES_DEVICE_POOL_H_

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "server/devices/device.h"

namespace ferry {

// One entry of --devices: "cpu=8GiB", "sim:0=256MiB@4GBps", "cuda:0=60GiB".
struct DeviceSpec {
  DeviceId id;
  uint64_t capacity_bytes = 0;          // 0: the kind's default.
  double link_bytes_per_second = 0;     // Simulated link; 0: as fast as memory.
};

// Parses a comma-separated list; "cpu" is added with its default capacity when
// the list does not name it.
absl::StatusOr<std::vector<DeviceSpec>> ParseDeviceSpecs(std::string_view text);

class DevicePool {
 public:
  static constexpr int kSimDevicesMax = 8;

  static absl::StatusOr<std::unique_ptr<DevicePool>> Create(
      const std::vector<DeviceSpec>& specs);
  ~DevicePool();

  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  // In the order cpu, then as configured. Never empty: the cpu is always first.
  const std::vector<Device*>& devices() const { return devices_; }
  Device& cpu() const { return *devices_.front(); }

  // NOT_FOUND, naming the devices there are.
  absl::StatusOr<Device*> Find(DeviceId id) const;

 private:
  DevicePool();

  std::vector<std::unique_ptr<Device>> owned_;
  std::vector<Device*> devices_;
};

}  // namespace ferry

#endif  // SERVER_DEVICES_DEVICE_POOL_H_
