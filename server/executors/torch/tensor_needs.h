// TensorNeeds() is what an operator wants of the tensors that it is given.
//
// LibTorch's schemas say that an argument is a Tensor, and no more. What its
// kernels check is written down here, as one letter for each argument:
//
//   s  of one dtype with every other s; so is the result
//   k  of any dtype; the result has the same
//   p  of any dtype; the result has the one that it and every other p fit into
//   f  of a floating-point dtype; so is the result
//   i  int64
//   b  bool
//   h  int64, and in host memory wherever the others are
//   .  nothing that is known here
//
// The source is LibTorch 2.11, aten/src/ATen/native. What `h` says is what its
// messages say of the CPU ("'lengths' argument should be a 1D CPU int64
// tensor", "batch_sizes should always be on CPU", "tensor_split expected
// tensor_indices_or_sections to be on cpu", "high must be a scalar tensor and
// on CPU"); a test runs each.
//
// Threads:  any; a pure function.

#ifndef SERVER_EXECUTORS_TORCH_TENSOR_NEEDS_H_
#define SERVER_EXECUTORS_TORCH_TENSOR_NEEDS_H_

#include <string_view>

#include <ATen/core/function_schema.h>
#include <ATen/core/jit_type.h>

namespace ferry {

// Empty for an operator of which nothing is known, and shorter than the
// arguments where the rest are no tensors.
std::string_view TensorNeeds(const c10::FunctionSchema& schema);

// Whether the argument must be in host memory.
bool WantsHost(const c10::FunctionSchema& schema, size_t argument);

// Whether values of the type are a tensor, perhaps none, or lists of those.
bool CarriesTensors(const c10::Type& type);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_TENSOR_NEEDS_H_
