// ToIValue() makes LibTorch's value of ours, led by the type that a model's
// schema states.
//
// Any nesting that TorchScript can state is understood. Protocols that know
// only tensors are met half-way: a tensor of one element will do for a number,
// a tensor of one dimension for a list of numbers, a list of one string for a
// string. Numbers are never narrowed.
//
// Owns:     nothing: see RequestTensor().
// Threads:  any; call under InferenceMode.
// Fails:    INVALID_ARGUMENT naming the place: "inputs: boxes[2]: ...".
//           Throws what LibTorch throws when the device has no room.

#ifndef SERVER_EXECUTORS_TORCH_TO_IVALUE_H_
#define SERVER_EXECUTORS_TORCH_TO_IVALUE_H_

#include <span>
#include <string>
#include <string_view>

#include <ATen/core/ivalue.h>
#include <ATen/core/jit_type.h>

#include "absl/status/statusor.h"

#include "server/values/value.h"

namespace ferry {

struct InputPlace {
  c10::Device device = c10::Device(c10::kCPU);
  // The model writes to its inputs: it gets tensors of its own.
  bool copy_tensors = false;
  // What stays in host memory instead, as Signature::host_inputs says it.
  std::span<const std::string> host_inputs = {};
};

// `name` is the argument's, for messages.
absl::StatusOr<c10::IValue> ToIValue(const Value& value,
                                     const c10::TypePtr& type,
                                     std::string_view name,
                                     const InputPlace& place);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_TO_IVALUE_H_
