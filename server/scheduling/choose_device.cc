#include "server/scheduling/choose_device.h"

#include "server/base/invariant.h"

namespace ferry {

DeviceId ChooseDevice(std::span<const DeviceLoad> loads, size_t turn) {
  INVARIANT(!loads.empty());
  const DeviceLoad* chosen = &loads[turn % loads.size()];
  for (size_t i = 1; i < loads.size(); ++i) {
    const DeviceLoad& next = loads[(turn + i) % loads.size()];
    if (next.requests < chosen->requests) chosen = &next;
  }
  return chosen->device;
}

}  // namespace ferry
