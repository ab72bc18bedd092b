// libferry_cuda.so's one symbol.

#include "server/devices/cuda/cuda_device.h"
#include "server/devices/cuda_plugin_entry.h"

extern "C" __attribute__((visibility("default"))) const ferry::CudaPluginEntry*
ferry_cuda_plugin() {
  static const ferry::CudaPluginEntry entry{.open = ferry::CudaDevice::Create};
  return &entry;
}
