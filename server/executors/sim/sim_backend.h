// A SimBackend makes simulated devices known to LibTorch, as "sim:N".
//
// It registers the PrivateUse1 backend: allocation, device guard and a boxed
// fallback that runs every operator on the CPU kernels over the very bytes,
// sizes and strides of the device tensors, so that results equal the CPU's bit
// for bit, while tensors of different devices are refused as on a GPU.
//
// LibTorch keeps backends for the life of the process; what this object owns is
// which devices they reach. One at a time.
//
// Owns:     nothing; the devices outlive it.
// Threads:  create and destroy while no tensor is on a simulated device.

#ifndef SERVER_EXECUTORS_SIM_SIM_BACKEND_H_
#define SERVER_EXECUTORS_SIM_SIM_BACKEND_H_

#include <cstdint>
#include <vector>

#include "server/devices/device.h"

namespace ferry {

class SimBackend {
 public:
  // Takes note of those of `devices` that are simulated.
  explicit SimBackend(const std::vector<Device*>& devices);
  ~SimBackend();

  SimBackend(const SimBackend&) = delete;
  SimBackend& operator=(const SimBackend&) = delete;

  // How often somebody waited for a simulated device, in this process. Here
  // nothing is ever under way, but on a GPU every wait counts.
  static uint64_t waits();
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_SIM_SIM_BACKEND_H_
