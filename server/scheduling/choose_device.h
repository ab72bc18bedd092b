// ChooseDevice() decides which device runs a request of a model that serves on
// several: the one with the least to do, in turn among those with as little.
//
// Threads:  any; a pure function of a snapshot.

#ifndef SERVER_SCHEDULING_CHOOSE_DEVICE_H_
#define SERVER_SCHEDULING_CHOOSE_DEVICE_H_

#include <cstddef>
#include <span>

#include "server/devices/device.h"

namespace ferry {

struct DeviceLoad {
  DeviceId device;
  size_t requests = 0;  // Waiting and running there.
};

// Of `loads`, which are not none. `turn` grows by one from choice to choice.
DeviceId ChooseDevice(std::span<const DeviceLoad> loads, size_t turn);

}  // namespace ferry

#endif  // SERVER_SCHEDULING_CHOOSE_DEVICE_H_
