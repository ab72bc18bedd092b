// The door to CUDA: GPUs are reached through libferry_cuda.so, which is loaded
// when the first one is asked for.
//
// The daemon itself links no CUDA: a machine without a GPU needs none of it and
// starts without its 230 MiB. Once loaded, the plugin stays: LibTorch's CUDA
// kernels register themselves for the life of the process.
//
// Threads:  any.
// Units:    bytes.
// Fails:    FAILED_PRECONDITION when there is no driver or one that does not
//           work, no such GPU, no plugin, or a library that it needs is
//           missing; each says what to do. INTERNAL when the GPU cannot be
//           used.

#ifndef SERVER_DEVICES_CUDA_PLUGIN_H_
#define SERVER_DEVICES_CUDA_PLUGIN_H_

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"

#include "server/devices/cuda_plugin_entry.h"
#include "server/devices/device.h"

namespace ferry {

inline constexpr char kCudaDriver[] = "libcuda.so.1";

// How many GPUs the driver shows to this process; 0 without a driver. Touches
// none of them and loads nothing but the driver.
absl::StatusOr<int> CudaDevicesPresent(const char* driver = kCudaDriver);

// The same, for whoever would use them all: if there are any, the plugin is
// loaded from `places`.
absl::StatusOr<int> CudaDevicesUsable(
    const char* driver, const std::vector<std::filesystem::path>& places);

// `capacity_bytes` 0: the default, most of what is free on the GPU.
absl::StatusOr<std::unique_ptr<Device>> OpenCudaDevice(int index,
                                                       uint64_t capacity_bytes);

// Where the plugin is looked for, in this order: lib/ beside the folder of the
// executable (this process's own, if none is named), that folder, and then the
// loader's own search path.
std::vector<std::filesystem::path> CudaPluginPlaces();
std::vector<std::filesystem::path> CudaPluginPlaces(
    const std::filesystem::path& executable);

// Loads the first plugin that is there.
absl::StatusOr<const CudaPluginEntry*> LoadCudaPlugin(
    const std::vector<std::filesystem::path>& places);

}  // namespace ferry

#endif  // SERVER_DEVICES_CUDA_PLUGIN_H_
