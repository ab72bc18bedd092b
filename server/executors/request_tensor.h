// RequestTensor() is a request's tensor as LibTorch sees it.
//
// On the cpu it is a view of the request's own bytes, unless the model would
// write to them or they are not aligned as LibTorch's own memory is, on which
// the last bits of an answer depend; on other devices it is a copy.
//
// Owns:     nothing: the request's bytes outlive a tensor that views them.
// Threads:  any; call under InferenceMode.
// Units:    bytes; shapes in elements.
// Fails:    INVALID_ARGUMENT without a place: the caller knows which argument.
//           Throws what LibTorch throws when the device has no room.
// Limits:   kRequestRankMax dimensions.

#ifndef SERVER_EXECUTORS_REQUEST_TENSOR_H_
#define SERVER_EXECUTORS_REQUEST_TENSOR_H_

#include <cstddef>

#include <ATen/core/Tensor.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/executors/value.h"

namespace ferry {

inline constexpr size_t kRequestRankMax = 64;

// The bytes are as many as shape and dtype say, and valid for the dtype: a
// bool is 0 or 1.
absl::Status CheckTensor(const TensorView& tensor);

absl::StatusOr<at::Tensor> RequestTensor(const TensorView& tensor,
                                         c10::Device device, bool copy);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_REQUEST_TENSOR_H_
