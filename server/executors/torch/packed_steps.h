// PackedStepsFault() says what is wrong with the batch sizes of a packed
// sequence.
//
// A packed sequence is rows of data, step after step, and how many sequences
// have each step: the longest sequence first, so the sizes never rise.
// LibTorch's kernels believe that, and write before their own memory when it is
// not so.
//
// Shapes:   data [rows, ...]; batch_sizes [steps], int64, on the host.
// Threads:  any.

#ifndef SERVER_EXECUTORS_TORCH_PACKED_STEPS_H_
#define SERVER_EXECUTORS_TORCH_PACKED_STEPS_H_

#include <ATen/core/Tensor.h>

namespace ferry {

// Null when they fit, or when LibTorch sees by itself that they are no batch
// sizes at all: of another type, rank or device.
const char* PackedStepsFault(const at::Tensor& data,
                             const at::Tensor& batch_sizes);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_PACKED_STEPS_H_
