#include "server/executors/torch/tensor_numbers.h"

#include <cstring>

#include <c10/util/BFloat16.h>
#include <c10/util/Half.h>

#include "server/base/invariant.h"

namespace ferry {

namespace {

// The bytes may lie at any address.
template <typename T>
T Load(const TensorView& tensor, size_t index) {
  INVARIANT((index + 1) * sizeof(T) <= tensor.bytes.size());
  T value;
  std::memcpy(&value, tensor.bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

template <typename T>
TensorNumber Int(const TensorView& tensor, size_t index) {
  return static_cast<int64_t>(Load<T>(tensor, index));
}

template <typename T>
TensorNumber Float(const TensorView& tensor, size_t index) {
  return static_cast<double>(Load<T>(tensor, index));
}

}  // namespace

std::optional<TensorNumber> NumberAt(const TensorView& tensor, size_t index) {
  switch (tensor.dtype) {
    case DType::kBool:
      return Load<uint8_t>(tensor, index) != 0;
    case DType::kUint8:
      return Int<uint8_t>(tensor, index);
    case DType::kUint16:
      return Int<uint16_t>(tensor, index);
    case DType::kUint32:
      return Int<uint32_t>(tensor, index);
    case DType::kUint64: {
      const auto value = Load<uint64_t>(tensor, index);
      if (value > static_cast<uint64_t>(INT64_MAX)) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    case DType::kInt8:
      return Int<int8_t>(tensor, index);
    case DType::kInt16:
      return Int<int16_t>(tensor, index);
    case DType::kInt32:
      return Int<int32_t>(tensor, index);
    case DType::kInt64:
      return Int<int64_t>(tensor, index);
    case DType::kFloat16:
      return Float<c10::Half>(tensor, index);
    case DType::kBfloat16:
      return Float<c10::BFloat16>(tensor, index);
    case DType::kFloat32:
      return Float<float>(tensor, index);
    case DType::kFloat64:
      return Float<double>(tensor, index);
    case DType::kComplex64:
    case DType::kComplex128:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace ferry
