#include "server/executors/torch/request_tensor.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include <ATen/ops/empty.h>
#include <c10/core/Storage.h>
#include <c10/core/TensorImpl.h>

#include "server/base/invariant.h"
#include "server/executors/torch/torch_types.h"
#include "server/values/tensor_check.h"

namespace ferry {

namespace {

// What LibTorch's own allocations have at least; complex numbers need no more.
// Below it MKL's products round differently, and answers would depend on where
// a request lies.
constexpr uintptr_t kViewAlignmentBytes = 16;

at::Tensor ViewOf(const TensorView& view, c10::ScalarType type) {
  auto* data = const_cast<std::byte*>(view.bytes.data());
  c10::Storage storage(c10::Storage::use_byte_size_t(), view.bytes.size(),
                       c10::DataPtr(data, c10::Device(c10::kCPU)),
                       /*allocator=*/nullptr, /*resizable=*/false);
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), c10::DispatchKeySet(c10::DispatchKey::CPU),
      c10::scalarTypeToTypeMeta(type));
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous(view.shape);
  return tensor;
}

}  // namespace

uint64_t CheckedElements(const TensorView& tensor) {
  const absl::StatusOr<uint64_t> elements = CountElements(tensor.shape);
  INVARIANT(elements.ok() &&
            *elements * SizeBytes(tensor.dtype) == tensor.bytes.size());
  return *elements;
}

at::Tensor RequestTensor(const TensorView& tensor, c10::Device device,
                         bool copy) {
  CheckedElements(tensor);
  const c10::ScalarType type = ToScalarType(tensor.dtype);
  const bool aligned =
      reinterpret_cast<uintptr_t>(tensor.bytes.data()) % kViewAlignmentBytes ==
      0;
  if (device.is_cpu() && aligned && !copy) return ViewOf(tensor, type);

  at::Tensor host;
  if (aligned) {
    host = ViewOf(tensor, type);
  } else {
    host = at::empty(tensor.shape, at::TensorOptions().dtype(type));
    if (!tensor.bytes.empty()) {
      std::memcpy(host.mutable_data_ptr(), tensor.bytes.data(),
                  tensor.bytes.size());
    }
    if (device.is_cpu()) return host;
  }
  at::Tensor placed =
      at::empty(tensor.shape, at::TensorOptions().dtype(type).device(device));
  placed.copy_(host);
  return placed;
}

}  // namespace ferry
