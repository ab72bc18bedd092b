// libferry_cuda.so's one symbol, and the page-locks that its devices share.

#include "server/devices/cuda/cuda_device.h"
#include "server/devices/cuda/page_locks.h"
#include "server/devices/cuda_plugin_entry.h"

namespace {

absl::StatusOr<std::unique_ptr<ferry::Device>> Open(int index,
                                                    uint64_t capacity_bytes) {
  static ferry::PageLocks page_locks;
  return ferry::CudaDevice::Create(index, capacity_bytes, page_locks);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const ferry::CudaPluginEntry*
ferry_cuda_plugin() {
  static const ferry::CudaPluginEntry entry{.open = Open};
  return &entry;
}
