#include "server/executors/torch/activation_budget.h"

#include <algorithm>

#include "absl/status/status.h"

#include "server/devices/sim_device.h"

namespace ferry {

absl::StatusOr<uint64_t> DefaultActivationLimit(
    uint64_t host_bytes, const std::vector<Device*>& devices) {
  if (host_bytes == 0) {
    return absl::FailedPreconditionError(
        "activations: /proc/meminfo does not say how much memory there is; "
        "name their share: --activation-bytes-max=2GiB");
  }
  uint64_t left_bytes = host_bytes;
  const auto take = [&](uint64_t size_bytes) {
    left_bytes -= std::min(left_bytes, size_bytes);
  };
  for (const Device* device : devices) {
    if (device->id().kind == DeviceKind::kCuda) continue;
    take(device->capacity_bytes());
    if (device->id().kind == DeviceKind::kSim) {
      take(SimDevice::kScratchBytesDefault);
    }
  }
  return std::max(left_bytes / 4 * 3, host_bytes / 16);
}

}  // namespace ferry
