// AnswerValues() makes named Values of what a model's forward returned.
//
// Tensors become dense bytes in host memory: those that are so already are
// lent, others copied. A tuple's elements are outputs of their own ("output_0",
// or a NamedTuple's field), as are the entries of a Dict[str, ...]; anything
// else is the one "output".
//
// Owns:     nothing: the tensors that Values borrow from are in `kept`.
// Threads:  any; call under InferenceMode. Blocks until device tensors are
//           here.
// Fails:    INTERNAL naming the output that no answer can carry: quantised or
//           sparse tensors, objects, futures.
// Limits:   Value::kDepthMax levels.

#ifndef SERVER_EXECUTORS_TORCH_FROM_IVALUE_H_
#define SERVER_EXECUTORS_TORCH_FROM_IVALUE_H_

#include <string>
#include <vector>

#include <ATen/core/ivalue.h>

#include "absl/status/statusor.h"

#include "server/values/value.h"

namespace ferry {

// The tensors that an answer points into.
struct AnswerTensors {
  std::vector<at::Tensor> kept;
  // Nothing may be lent: the model writes to its tensors.
  bool copy_all = false;
};

absl::StatusOr<std::vector<NamedValue>> AnswerValues(const c10::IValue& answer,
                                                     AnswerTensors& tensors);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_FROM_IVALUE_H_
