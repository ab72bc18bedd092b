#include "server/weights/weight_store.h"

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/base/status_macros.h"

namespace ferry {

absl::StatusOr<std::unique_ptr<WeightStore>> WeightStore::Create(
    DevicePool& devices, uint64_t retain_bytes) {
  std::map<DeviceId, Shelf> shelves;
  for (Device* device : devices.devices()) {
    const bool host = device->id().kind == DeviceKind::kCpu;
    ASSIGN_OR_RETURN(auto arena,
                     Arena::Create(*device, device->capacity_bytes(),
                                   host ? retain_bytes : UINT64_MAX));
    shelves.emplace(device->id(),
                    Shelf{.device = device, .arena = std::move(arena)});
  }
  return absl::WrapUnique(new WeightStore(std::move(shelves)));
}

absl::StatusOr<WeightSet> WeightStore::Take(DeviceId device,
                                            uint64_t size_bytes) {
  const auto shelf = shelves_.find(device);
  if (shelf == shelves_.end()) {
    return absl::NotFoundError(
        absl::StrCat(device.ToString(), ": no such device"));
  }
  ASSIGN_OR_RETURN(Arena::Lease lease, shelf->second.arena->Take(size_bytes));
  return WeightSet(*shelf->second.device, std::move(lease), size_bytes);
}

Arena::Usage WeightStore::usage(DeviceId device) const {
  const auto shelf = shelves_.find(device);
  INVARIANT(shelf != shelves_.end());
  return shelf->second.arena->usage();
}

}  // namespace ferry
