// A DType is what the elements of a tensor are, with the names that PyTorch and
// KServe have for it and its size.
//
// Threads:  any; pure functions.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT for a name that is none.

#ifndef SERVER_VALUES_DTYPE_H_
#define SERVER_VALUES_DTYPE_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace ferry {

enum class DType : uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat16,
  kBfloat16,
  kFloat32,
  kFloat64,
  kComplex64,
  kComplex128,
};

// Bytes of one element.
uint64_t SizeBytes(DType dtype);

// PyTorch's name ("float32") and KServe's ("FP32"; empty where it has none).
std::string_view TorchName(DType dtype);
std::string_view KServeName(DType dtype);
// INVALID_ARGUMENT naming what is allowed.
absl::StatusOr<DType> ParseTorchName(std::string_view name);
absl::StatusOr<DType> ParseKServeName(std::string_view name);

}  // namespace ferry

#endif  // SERVER_VALUES_DTYPE_H_
