#include "server/executors/sim/sim_windows.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>
#include <utility>

#include <c10/core/CPUAllocator.h>
#include <c10/core/TensorImpl.h>

#include "server/executors/sim/sim_allocator.h"
#include "server/executors/sim/sim_table.h"

namespace ferry {

namespace {

constexpr c10::DispatchKeySet kCpuKeys(c10::DispatchKey::CPU);
constexpr c10::DispatchKeySet kSimKeys(c10::DispatchKey::PrivateUse1);

std::byte* WindowOf(const void* address) {
  SimDevice* device = SimDeviceHolding(address);
  TORCH_CHECK(device != nullptr,
              "a tensor of a simulated device points at host memory");
  return device->Window(static_cast<const std::byte*>(address));
}

void CopyView(const at::Tensor& from, at::Tensor& to) {
  c10::TensorImpl* impl = to.unsafeGetTensorImpl();
  impl->set_storage_offset(from.storage_offset());
  impl->set_sizes_and_strides(from.sizes(), from.strides());
  if (from.is_conj()) to._set_conj(true);
  if (from.is_neg()) to._set_neg(true);
}

}  // namespace

bool IsOnSim(const at::Tensor& tensor) {
  return tensor.defined() && tensor.device().is_privateuseone();
}

void GrowSimStorage(c10::StorageImpl& storage, size_t size_bytes) {
  TORCH_CHECK(storage.resizable(),
              "Trying to resize storage that is not resizable");
  c10::DataPtr grown = AllocateOnSim(storage.device().index(), size_bytes);
  const size_t kept_bytes = std::min(size_bytes, storage.nbytes());
  if (kept_bytes > 0) {
    std::memcpy(WindowOf(grown.get()), WindowOf(storage.data()), kept_bytes);
  }
  storage.set_data_ptr_noswap(std::move(grown));
  storage.set_nbytes(size_bytes);
}

at::Tensor SimWindows::OpenStorage(const at::Tensor& tensor) {
  const c10::StorageImpl* storage = tensor.storage().unsafeGetStorageImpl();
  at::Tensor& window = storages_[storage];
  if (window.defined()) return window;
  const void* address = storage->data();
  c10::DataPtr data(address == nullptr ? nullptr : WindowOf(address),
                    c10::Device(c10::kCPU));
  // As resizable as the original: a lease must not be left behind.
  c10::Storage cpu_storage(c10::make_intrusive<c10::StorageImpl>(
      c10::StorageImpl::use_byte_size_t(), storage->nbytes(), std::move(data),
      c10::GetCPUAllocator(), storage->resizable()));
  window = at::detail::make_tensor<c10::TensorImpl>(std::move(cpu_storage),
                                                    kCpuKeys, tensor.dtype());
  device_storages_[window.storage().unsafeGetStorageImpl()] = tensor;
  return window;
}

at::Tensor SimWindows::Open(const at::Tensor& tensor) {
  if (!IsOnSim(tensor)) return tensor;
  auto [entry, fresh] =
      by_device_tensor_.try_emplace(tensor.unsafeGetTensorImpl());
  if (!fresh) return entry->second.cpu;
  const at::Tensor window = OpenStorage(tensor);
  auto cpu = at::detail::make_tensor<c10::TensorImpl>(
      c10::Storage(window.storage()), kCpuKeys, tensor.dtype());
  CopyView(tensor, cpu);
  by_cpu_tensor_[cpu.unsafeGetTensorImpl()] = tensor;
  entry->second = {tensor, cpu, window.storage().data()};
  return cpu;
}

void SimWindows::WriteBack() {
  std::unordered_set<const c10::StorageImpl*> grown;
  for (auto& [impl, window] : by_device_tensor_) {
    const at::Tensor& cpu = window.cpu;
    at::Tensor& on_device = window.on_device;
    c10::StorageImpl& storage = *on_device.storage().unsafeGetStorageImpl();
    if (cpu.storage().data() != window.data && grown.insert(&storage).second) {
      GrowSimStorage(storage, cpu.storage().nbytes());
      if (cpu.storage().nbytes() > 0) {
        std::memcpy(WindowOf(storage.data()), cpu.storage().data(),
                    cpu.storage().nbytes());
      }
    }
    if (cpu.sizes() != on_device.sizes() ||
        cpu.strides() != on_device.strides() ||
        cpu.storage_offset() != on_device.storage_offset()) {
      CopyView(cpu, on_device);
    }
  }
}

at::Tensor SimWindows::Result(const at::Tensor& cpu, c10::Device device) {
  if (!cpu.defined() || !cpu.device().is_cpu()) return cpu;
  if (const auto argument = by_cpu_tensor_.find(cpu.unsafeGetTensorImpl());
      argument != by_cpu_tensor_.end()) {
    return argument->second;
  }
  if (cpu.has_storage()) {
    const auto shared =
        device_storages_.find(cpu.storage().unsafeGetStorageImpl());
    if (shared != device_storages_.end()) {
      auto view = at::detail::make_tensor<c10::TensorImpl>(
          c10::TensorImpl::VIEW, c10::Storage(shared->second.storage()),
          kSimKeys, cpu.dtype());
      CopyView(cpu, view);
      return view;
    }
  }
  TORCH_CHECK(cpu.layout() == c10::kStrided && !cpu.is_quantized(),
              "simulated devices have no sparse or quantised tensors");
  const at::Tensor plain = cpu.resolve_conj().resolve_neg();
  at::Tensor out =
      EmptyOnSim(plain.sizes(), plain.strides(), plain.scalar_type(), device);
  if (plain.numel() > 0) Open(out).copy_(plain);
  return out;
}

}  // namespace ferry
