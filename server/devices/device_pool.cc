#include "server/devices/device_pool.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/status_macros.h"
#include "server/devices/cpu_device.h"
#include "server/devices/cuda_plugin.h"
#include "server/devices/sim_device.h"

namespace ferry {
namespace {

absl::StatusOr<std::unique_ptr<Device>> Open(const DeviceSpec& spec) {
  switch (spec.id.kind) {
    case DeviceKind::kCpu: {
      const uint64_t capacity_bytes = spec.capacity_bytes > 0
                                          ? spec.capacity_bytes
                                          : CpuDevice::DefaultCapacityBytes();
      if (capacity_bytes == 0) {
        return absl::FailedPreconditionError(
            "cpu: /proc/meminfo does not say how much memory there is; name "
            "it: cpu=8GiB");
      }
      return std::make_unique<CpuDevice>(capacity_bytes);
    }
    case DeviceKind::kSim:
      return SimDevice::Create(
          {.index = spec.id.index,
           .capacity_bytes = spec.capacity_bytes > 0
                                 ? spec.capacity_bytes
                                 : SimDevice::kCapacityBytesDefault,
           .link_bytes_per_second = spec.link_bytes_per_second});
    case DeviceKind::kCuda:
      return OpenCudaDevice(spec.id.index, spec.capacity_bytes);
  }
  return absl::InvalidArgumentError("a device of no known kind");
}

std::string Names(const std::vector<Device*>& devices) {
  return absl::StrJoin(devices, ", ", [](std::string* out, Device* device) {
    out->append(device->name());
  });
}

}  // namespace

absl::StatusOr<std::unique_ptr<DevicePool>> DevicePool::Create(
    const std::vector<DeviceSpec>& specs) {
  auto pool = absl::WrapUnique(new DevicePool());
  for (const DeviceSpec& spec : WithCpuFirst(specs)) {
    if (pool->Find(spec.id).ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("devices: ", spec.id.ToString(), " is named twice"));
    }
    ASSIGN_OR_RETURN(std::unique_ptr<Device> device, Open(spec));
    pool->devices_.push_back(device.get());
    pool->owned_.push_back(std::move(device));
  }
  return pool;
}

absl::StatusOr<Device*> DevicePool::Find(DeviceId id) const {
  const auto device = std::ranges::find(devices_, id, &Device::id);
  if (device != devices_.end()) return *device;
  return absl::NotFoundError(absl::StrCat("there is no device ", id.ToString(),
                                          "; there are ", Names(devices_)));
}

}  // namespace ferry
