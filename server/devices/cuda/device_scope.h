// A DeviceScope makes a GPU the calling thread's current one while it lives.
//
// Setting the former device back would create a context on it, some 500 MB, if
// it had none: then the thread simply stays where it is.
//
// Threads:  one thread; create and destroy it on the same.

#ifndef SERVER_DEVICES_CUDA_DEVICE_SCOPE_H_
#define SERVER_DEVICES_CUDA_DEVICE_SCOPE_H_

#include <cuda_runtime_api.h>

#include <c10/cuda/CUDAFunctions.h>

namespace ferry {

class [[nodiscard]] DeviceScope {
 public:
  explicit DeviceScope(int index) {
    int current = 0;
    if (::cudaGetDevice(&current) == cudaSuccess && current != index) {
      former_ = current;
    }
    // A failure shows in the next call of the runtime, which is checked.
    ::cudaSetDevice(index);
  }
  ~DeviceScope() {
    if (former_ >= 0 && HasContext(former_)) ::cudaSetDevice(former_);
  }

  DeviceScope(const DeviceScope&) = delete;
  DeviceScope& operator=(const DeviceScope&) = delete;

 private:
  static bool HasContext(int index) noexcept {
    try {
      return c10::cuda::hasPrimaryContext(static_cast<c10::DeviceIndex>(index));
    } catch (...) {
      return false;  // It cannot tell: better no second context.
    }
  }

  int former_ = -1;
};

}  // namespace ferry

#endif  // SERVER_DEVICES_CUDA_DEVICE_SCOPE_H_
