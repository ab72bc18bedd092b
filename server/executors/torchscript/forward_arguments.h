// ForwardArguments puts a request's inputs in the order of forward's arguments.
//
// Owns:     a copy of the schema's arguments. Defaults for those that are left
//           out are an Instance's: a tensor among them is on its device.
// Threads:  immutable; any number of threads.
// Fails:    INVALID_ARGUMENT naming the argument that is missing, unknown,
//           given twice or of a wrong type.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_FORWARD_ARGUMENTS_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_FORWARD_ARGUMENTS_H_

#include <span>
#include <string>
#include <vector>

#include <ATen/core/function_schema.h>
#include <ATen/core/stack.h>

#include "absl/status/status.h"

#include "server/executors/torch/to_ivalue.h"
#include "server/values/value.h"

namespace ferry {

class ForwardArguments {
 public:
  explicit ForwardArguments(const c10::FunctionSchema& schema);

  size_t count() const { return arguments_.size(); }

  // The value of each argument that has a default, in their order, as the file
  // has it.
  std::vector<c10::IValue> Defaults() const;

  // Appends one value an argument to `stack`; throws what ToIValue() throws.
  // `defaults` are Defaults(), or copies.
  absl::Status Push(std::span<const NamedValue> inputs,
                    std::span<const c10::IValue> defaults,
                    const InputPlace& place, torch::jit::Stack& stack) const;

 private:
  // The input for argument `index`, or null. `guess`: where it is if inputs
  // come in order.
  const NamedValue* Find(std::span<const NamedValue> inputs, size_t index,
                         size_t guess) const;
  absl::Status CheckNames(std::span<const NamedValue> inputs) const;

  const std::vector<c10::Argument> arguments_;  // Without self.
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_FORWARD_ARGUMENTS_H_
