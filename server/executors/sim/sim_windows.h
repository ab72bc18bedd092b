// SimWindows are the tensors of a simulated device as a CPU kernel sees them,
// for the length of one operator.
//
// Each is a CPU tensor over the same bytes, sizes and strides, through the
// memory's readable window; tensors that share a storage still do. Afterwards
// what the kernel resized is resized on the device, and results become device
// tensors: an argument itself, a view of one, or a copy of fresh memory.
//
// Owns:     the CPU tensors; the device tensors are kept alive meanwhile.
// Threads:  one thread at a time; call under InferenceMode.
// Fails:    throws what SimTable and LibTorch throw.

#ifndef SERVER_EXECUTORS_SIM_SIM_WINDOWS_H_
#define SERVER_EXECUTORS_SIM_SIM_WINDOWS_H_

#include <unordered_map>

#include <ATen/core/Tensor.h>

namespace ferry {

bool IsOnSim(const at::Tensor& tensor);

// New memory for a storage, with what fits of its bytes.
void GrowSimStorage(c10::StorageImpl& storage, size_t size_bytes);

class SimWindows {
 public:
  // `tensor` itself when it is not on a simulated device.
  at::Tensor Open(const at::Tensor& tensor);

  // After the kernel: what it did to the windows' sizes happens on the device.
  void WriteBack();

  // The device tensor for a kernel's result.
  at::Tensor Result(const at::Tensor& cpu, c10::Device device);

 private:
  struct Window {
    at::Tensor on_device;
    at::Tensor cpu;
    const void* data = nullptr;  // Of the storage when it was opened.
  };

  at::Tensor OpenStorage(const at::Tensor& tensor);

  std::unordered_map<const c10::TensorImpl*, Window> by_device_tensor_;
  std::unordered_map<const c10::TensorImpl*, at::Tensor> by_cpu_tensor_;
  // Device storage to a CPU tensor on its window, and the way back.
  std::unordered_map<const c10::StorageImpl*, at::Tensor> storages_;
  std::unordered_map<const c10::StorageImpl*, at::Tensor> device_storages_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_SIM_SIM_WINDOWS_H_
