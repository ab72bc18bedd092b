// CheckPickleTensor() says whether a tensor lies inside its storage.
//
// LibTorch's unpickler sets sizes and strides as they stand in the file, so a
// tensor that reaches past its storage reads and writes foreign memory.
// (rebuildTensor in torch/csrc/jit/serialization/unpickler.cpp of 2.11.)
//
// Threads:  any.
// Units:    elements.
// Fails:    INVALID_ARGUMENT naming the sizes, strides and the storage.
// Limits:   rank_max.

#ifndef SERVER_FORMATS_PICKLE_PICKLE_TENSOR_H_
#define SERVER_FORMATS_PICKLE_PICKLE_TENSOR_H_

#include <cstdint>

#include "absl/status/statusor.h"

#include "server/formats/pickle/pickle_value.h"

namespace ferry {

// `arguments` are those of torch._utils._rebuild_tensor_v2: storage, offset,
// sizes, strides, requires_grad, hooks [, flags]; or, if `quantized`, of
// _rebuild_qtensor, which has the quantisation's parameters behind the strides.
absl::StatusOr<PickleTensor> CheckPickleTensor(const PickleHeap& heap,
                                               const PickleValue& arguments,
                                               bool quantized,
                                               uint32_t rank_max);

}  // namespace ferry

#endif  // SERVER_FORMATS_PICKLE_PICKLE_TENSOR_H_
