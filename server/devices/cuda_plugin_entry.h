// A CudaPluginEntry is what libferry_cuda.so shows to the daemon: the one thing
// that both sides must agree on.
//
// The plugin is built with the daemon, from the same headers and libraries, so
// C++ types may cross; kVersion is there to catch a file left over from another
// build.
//
// Threads:  immutable.
// Units:    bytes.

#ifndef SERVER_DEVICES_CUDA_PLUGIN_ENTRY_H_
#define SERVER_DEVICES_CUDA_PLUGIN_ENTRY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"

#include "server/devices/device.h"

namespace ferry {

struct CudaPluginEntry {
  // Raise it whenever this file or device.h changes.
  static constexpr uint32_t kVersion = 1;

  uint32_t version = kVersion;

  // Opens cuda:`index`; 0 bytes stand for the default capacity.
  absl::StatusOr<std::unique_ptr<Device>> (*open)(int index,
                                                  uint64_t capacity_bytes);
};

// The one symbol of the plugin.
inline constexpr char kCudaPluginSymbol[] = "ferry_cuda_plugin";
using CudaPluginFunction = const CudaPluginEntry* (*)();

}  // namespace ferry

#endif  // SERVER_DEVICES_CUDA_PLUGIN_ENTRY_H_
