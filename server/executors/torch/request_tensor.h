// RequestTensor() is a request's tensor as LibTorch sees it.
//
// On the cpu it is a view of the request's own bytes, unless the model would
// write to them or they are not aligned as LibTorch's own memory is, on which
// the last bits of an answer depend; on other devices it is a copy.
//
// Owns:     nothing: the request's bytes outlive a tensor that views them.
// Threads:  any; call under InferenceMode.
// Units:    bytes; shapes in elements.
// Fails:    throws what LibTorch throws when the device has no room.

#ifndef SERVER_EXECUTORS_TORCH_REQUEST_TENSOR_H_
#define SERVER_EXECUTORS_TORCH_REQUEST_TENSOR_H_

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "server/values/value.h"

namespace ferry {

// INVARIANT: the tensor was checked (values/tensor_check.h).
uint64_t CheckedElements(const TensorView& tensor);

at::Tensor RequestTensor(const TensorView& tensor, c10::Device device,
                         bool copy);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_REQUEST_TENSOR_H_
