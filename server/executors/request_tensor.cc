#include "server/executors/request_tensor.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>

#include <ATen/ops/empty.h>
#include <c10/core/Storage.h>
#include <c10/core/TensorImpl.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/status_macros.h"
#include "server/executors/torch_types.h"

namespace ferry {

namespace {

// What LibTorch's own allocations have at least; complex numbers need no more.
// Below it MKL's products round differently, and answers would depend on where
// a request lies.
constexpr uintptr_t kViewAlignmentBytes = 16;

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

bool AllZeroOrOne(std::span<const std::byte> bytes) {
  std::byte seen{0};
  for (const std::byte byte : bytes) seen |= byte;
  return (seen & ~std::byte{1}) == std::byte{0};
}

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

absl::Status CheckTensor(const TensorView& tensor) {
  if (tensor.shape.size() > kRequestRankMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("a tensor of ", tensor.shape.size(),
                     " dimensions; at most ", kRequestRankMax, " are served"));
  }
  uint64_t want_bytes = SizeBytes(tensor.dtype);
  bool overflow = false;
  for (const int64_t size : tensor.shape) {
    if (size < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shape ", ShapeText(tensor.shape), " has a negative dimension"));
    }
    // A later dimension of 0 does not make the product representable: LibTorch
    // multiplies strides in the same order.
    overflow |= __builtin_mul_overflow(
        want_bytes, static_cast<uint64_t>(std::max<int64_t>(size, 1)),
        &want_bytes);
  }
  overflow |= want_bytes > static_cast<uint64_t>(INT64_MAX);
  if (overflow) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", ShapeText(tensor.shape), " is larger than any memory"));
  }
  if (std::ranges::find(tensor.shape, 0) != tensor.shape.end()) want_bytes = 0;
  if (want_bytes != tensor.bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", ShapeText(tensor.shape), " of ",
                     std::string(TorchName(tensor.dtype)), " takes ",
                     want_bytes, " bytes, got ", tensor.bytes.size()));
  }
  if (tensor.dtype == DType::kBool && !AllZeroOrOne(tensor.bytes)) {
    return absl::InvalidArgumentError(
        "a bool tensor has a byte that is neither 0 nor 1");
  }
  return absl::OkStatus();
}

absl::StatusOr<at::Tensor> RequestTensor(const TensorView& tensor,
                                         c10::Device device, bool copy) {
  RETURN_IF_ERROR(CheckTensor(tensor));
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
