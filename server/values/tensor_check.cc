#include "server/values/tensor_check.h"

#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

absl::Status CheckBools(std::span<const std::byte> bytes) {
  std::byte seen{0};
  for (const std::byte byte : bytes) seen |= byte;
  if ((seen & ~std::byte{1}) == std::byte{0}) return absl::OkStatus();
  size_t index = 0;
  while ((bytes[index] & ~std::byte{1}) == std::byte{0}) ++index;
  return absl::InvalidArgumentError(
      absl::StrCat("a bool is 0 or 1, element ", index, " is ",
                   std::to_integer<int>(bytes[index])));
}

}  // namespace

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t size : shape) {
    absl::StrAppend(&text, text.size() == 1 ? "" : ", ", size);
  }
  return text + "]";
}

absl::Status CheckValues(uint64_t values) {
  if (values <= kValuesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("more than ", kValuesMax,
                   " values in lists, tuples and dicts; send numbers as a "
                   "tensor"));
}

absl::StatusOr<uint64_t> CountElements(std::span<const int64_t> shape) {
  if (shape.size() > kRankMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape has ", shape.size(), " dimensions, more than the ",
                     kRankMax, " there may be"));
  }
  int64_t strides = 1;
  bool empty = false;
  for (const int64_t size : shape) {
    if (size < 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "shape ", ShapeText(shape), " has the negative size ", size));
    }
    empty |= size == 0;
    if (size != 0 && __builtin_mul_overflow(strides, size, &strides)) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape ", ShapeText(shape),
                       " has more elements than 64 bits can count"));
    }
  }
  return empty ? 0 : static_cast<uint64_t>(strides);
}

absl::Status CheckTensor(const TensorView& tensor, std::string_view dtype) {
  ASSIGN_OR_RETURN(const uint64_t elements, CountElements(tensor.shape));
  uint64_t needed_bytes = 0;
  if (__builtin_mul_overflow(elements, SizeBytes(tensor.dtype),
                             &needed_bytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", ShapeText(tensor.shape), " of ", AbslView(dtype),
                     " has more bytes than 64 bits can count"));
  }
  if (needed_bytes != tensor.bytes.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", ShapeText(tensor.shape), " of ", AbslView(dtype), " takes ",
        needed_bytes, " bytes, got ", tensor.bytes.size()));
  }
  return tensor.dtype == DType::kBool ? CheckBools(tensor.bytes)
                                      : absl::OkStatus();
}

}  // namespace ferry
