// A DevicePool is every device that the configuration names, opened.
//
// Owns:     the devices; they outlive every arena and instance on them.
// Threads:  thread-safe; the set of devices never changes after Create.
// Fails:    INVALID_ARGUMENT when a device is named twice; FAILED_PRECONDITION
//           when a device named is not there or its plugin cannot be loaded;
//           RESOURCE_EXHAUSTED when the machine has no memory for it.

#ifndef SERVER_DEVICES_DEVICE_POOL_H_
#define SERVER_DEVICES_DEVICE_POOL_H_

#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "server/devices/device.h"
#include "server/devices/device_spec.h"

namespace ferry {

class DevicePool {
 public:
  static constexpr int kSimDevicesMax = ferry::kSimDevicesMax;

  // Opens the cpu too when `specs` does not name it.
  static absl::StatusOr<std::unique_ptr<DevicePool>> Create(
      const std::vector<DeviceSpec>& specs);

  DevicePool(const DevicePool&) = delete;
  DevicePool& operator=(const DevicePool&) = delete;

  // In the order cpu, then as configured. Never empty: the cpu is always first.
  const std::vector<Device*>& devices() const { return devices_; }
  Device& cpu() const { return *devices_.front(); }

  // NOT_FOUND, naming the devices there are.
  absl::StatusOr<Device*> Find(DeviceId id) const;

 private:
  DevicePool() = default;

  std::vector<std::unique_ptr<Device>> owned_;
  std::vector<Device*> devices_;
};

}  // namespace ferry

#endif  // SERVER_DEVICES_DEVICE_POOL_H_
