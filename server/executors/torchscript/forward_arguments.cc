#include "server/executors/torchscript/forward_arguments.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/invariant.h"
#include "server/base/status_macros.h"

namespace ferry {

ForwardArguments::ForwardArguments(const c10::FunctionSchema& schema)
    : arguments_([&] {
        INVARIANT(!schema.arguments().empty());  // self.
        return std::vector<c10::Argument>(schema.arguments().begin() + 1,
                                          schema.arguments().end());
      }()) {}

const NamedValue* ForwardArguments::Find(std::span<const NamedValue> inputs,
                                         size_t index, size_t guess) const {
  const std::string& name = arguments_[index].name();
  if (guess < inputs.size() && inputs[guess].name == name) {
    return &inputs[guess];
  }
  for (const NamedValue& input : inputs) {
    if (input.name == name) return &input;
  }
  return nullptr;
}

absl::Status ForwardArguments::CheckNames(
    std::span<const NamedValue> inputs) const {
  std::string known;
  for (const c10::Argument& argument : arguments_) {
    absl::StrAppend(&known, known.empty() ? "" : ", ", argument.name());
  }
  std::set<std::string_view> seen;
  for (const NamedValue& input : inputs) {
    const bool there =
        std::ranges::any_of(arguments_, [&](const c10::Argument& argument) {
          return argument.name() == input.name;
        });
    if (!there) {
      return absl::InvalidArgumentError(absl::StrCat(
          "inputs: there is no argument ", Shown(input.name),
          "; the model takes: ", known.empty() ? "nothing" : known));
    }
    if (!seen.insert(input.name).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("inputs: ", input.name, ": given twice"));
    }
  }
  return absl::OkStatus();
}

std::vector<c10::IValue> ForwardArguments::Defaults() const {
  std::vector<c10::IValue> defaults;
  for (const c10::Argument& argument : arguments_) {
    if (argument.default_value()) defaults.push_back(*argument.default_value());
  }
  return defaults;
}

absl::Status ForwardArguments::Push(std::span<const NamedValue> inputs,
                                    std::span<const c10::IValue> defaults,
                                    const InputPlace& place,
                                    torch::jit::Stack& stack) const {
  size_t used = 0;
  auto next_default = defaults.begin();
  for (size_t i = 0; i < arguments_.size(); ++i) {
    const c10::Argument& argument = arguments_[i];
    const NamedValue* input = Find(inputs, i, used);
    const c10::IValue* value = nullptr;
    if (argument.default_value()) {
      INVARIANT(next_default != defaults.end());
      value = &*next_default++;
    }
    if (input == nullptr) {
      if (value == nullptr) {
        RETURN_IF_ERROR(CheckNames(inputs));
        return absl::InvalidArgumentError(
            absl::StrCat("inputs: ", argument.name(), ": missing, a ",
                         argument.type()->annotation_str()));
      }
      // What forward may write to is the request's own.
      const bool shared = value->isTensor() && !place.copy_tensors;
      stack.push_back(shared ? *value : value->deepcopy());
      continue;
    }
    ++used;
    ASSIGN_OR_RETURN(c10::IValue made, ToIValue(input->value, argument.type(),
                                                argument.name(), place));
    stack.push_back(std::move(made));
  }
  // Something was left over: one unknown or given twice.
  if (used != inputs.size()) RETURN_IF_ERROR(CheckNames(inputs));
  return absl::OkStatus();
}

}  // namespace ferry
