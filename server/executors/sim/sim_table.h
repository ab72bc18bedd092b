// The table of simulated devices that LibTorch can reach.
//
// LibTorch keeps one allocator, one guard and one set of kernels for each kind
// of device, for the life of the process; they find their way from "sim:2" or
// an address to a SimDevice here. A SimBackend fills the table.
//
// Owns:     nothing.
// Threads:  thread-safe. Each thread has a current device of its own, as with
//           CUDA.
// Fails:    throws c10::Error for a device that is not there;
//           c10::OutOfMemoryError when it is full.

#ifndef SERVER_EXECUTORS_SIM_SIM_TABLE_H_
#define SERVER_EXECUTORS_SIM_SIM_TABLE_H_

#include <cstddef>

#include <c10/core/Allocator.h>
#include <c10/core/Device.h>

#include "server/devices/sim_device.h"

namespace ferry {

inline constexpr int kSimIndexMax = 63;  // As DeviceId has it.

// Null takes the entry out.
void SetSimDevice(int index, SimDevice* device);

// One above the highest index in the table.
int SimDeviceCount();

SimDevice& SimDeviceAt(int index);

// The device that the address belongs to; null for host memory.
SimDevice* SimDeviceHolding(const void* address);

int CurrentSimDevice();
void SetCurrentSimDevice(int index);

// Memory for activations. What frees it finds its device by the address.
c10::DataPtr AllocateOnSim(int index, size_t size_bytes);
void FreeOnSim(void* memory);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_SIM_SIM_TABLE_H_
