// The allocator of simulated devices, and empty tensors from it.
//
// Owns:     one allocator for the process, as LibTorch wants it.
// Threads:  thread-safe. The allocator uses the thread's current device.
// Fails:    throws c10::OutOfMemoryError when the device is full.

#ifndef SERVER_EXECUTORS_SIM_SIM_ALLOCATOR_H_
#define SERVER_EXECUTORS_SIM_SIM_ALLOCATOR_H_

#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>

namespace ferry {

c10::Allocator& SimAllocator();

at::Tensor EmptyOnSim(c10::IntArrayRef sizes, c10::IntArrayRef strides,
                      c10::ScalarType type, c10::Device device);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_SIM_SIM_ALLOCATOR_H_
