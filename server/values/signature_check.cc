#include "server/values/signature_check.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/ids.h"
#include "server/values/flat_names.h"
#include "server/values/tensor_shapes.h"

namespace ferry {
namespace {

bool Fits(const TensorSpec& expected, const TensorSpec& given) {
  return (expected.datatype.empty() || expected.datatype == given.datatype) &&
         std::ranges::equal(expected.shape, given.shape,
                            [](int64_t wanted, int64_t size) {
                              return wanted == -1 || wanted == size;
                            });
}

std::string ShownShape(const TensorSpec& tensor) {
  return absl::StrCat(tensor.datatype, tensor.datatype.empty() ? "" : " ", "[",
                      absl::StrJoin(tensor.shape, ", "), "]");
}

std::string ShownMisfit(const ShapeIndex::Misfit& misfit,
                        const std::string& who) {
  return absl::StrCat("input \"", misfit.given.name, "\" is ",
                      ShownShape(misfit.given), ", but ", who, " ",
                      ShownShape(misfit.expected));
}

bool IsFloatingPoint(std::string_view datatype) {
  return datatype.starts_with("FP") || datatype == "BF16";
}

// Whether the program takes it, as far as it tells.
bool Takes(const Argument& argument, const std::string& datatype) {
  switch (argument.need) {
    case DtypeNeed::kExact:
      return datatype == argument.datatype;
    case DtypeNeed::kFloating:
      return IsFloatingPoint(datatype);
    case DtypeNeed::kPromoted:
      break;
  }
  return true;
}

// The first tensor in the argument's value that the program does not take.
std::optional<TensorSpec> FindUntaken(const Argument& argument,
                                      std::string& name, const Value& value) {
  if (std::optional<TensorSpec> shape = InputShape(value)) {
    shape->name = name;
    if (Takes(argument, shape->datatype)) return std::nullopt;
    return shape;
  }
  std::optional<TensorSpec> found;
  ForEachNamed(value, name, [&](const Value& child) {
    found = FindUntaken(argument, name, child);
    return !found.has_value();
  });
  return found;
}

// In words, or empty.
std::string ExplainDtype(const Signature& signature,
                         std::span<const NamedValue> inputs) {
  for (const NamedValue& input : inputs) {
    const Argument* argument = signature.FindInput(input.name);
    if (argument == nullptr || argument->datatype.empty()) continue;
    std::string name = input.name;
    const auto untaken = FindUntaken(*argument, name, input.value);
    if (!untaken.has_value()) continue;
    return absl::StrCat("input \"", untaken->name, "\" is ",
                        ShownShape(*untaken), ", but the model takes ",
                        argument->datatype,
                        argument->need == DtypeNeed::kFloating
                            ? " or another floating-point type"
                            : "");
  }
  return "";
}

// Whether an answer has these outputs and no others: not when it is, or may be,
// a dict, whose entries are outputs.
bool NamesEveryOutput(std::span<const Argument> outputs) {
  if (outputs.size() != 1) return true;
  constexpr std::string_view kPlain[] = {"Tensor", "List[", "int",
                                         "float",  "bool",  "str"};
  return std::ranges::any_of(kPlain, [&](std::string_view type) {
    return outputs.front().type.starts_with(type);
  });
}

}  // namespace

ShapeIndex::ShapeIndex(std::span<const TensorSpec> expected) {
  for (const TensorSpec& tensor : expected) {
    for (size_t dot = tensor.name.find('.'); dot != tensor.name.npos;
         dot = tensor.name.find('.', dot + 1)) {
      by_name_.try_emplace(tensor.name.substr(0, dot));
    }
    by_name_[tensor.name] = tensor;
  }
}

std::optional<ShapeIndex::Misfit> ShapeIndex::Find(
    std::span<const NamedValue> inputs) const {
  if (by_name_.empty()) return std::nullopt;
  std::string name;
  for (const NamedValue& input : inputs) {
    name = input.name;
    if (auto misfit = FindIn(input.value, name)) return misfit;
  }
  return std::nullopt;
}

std::optional<ShapeIndex::Misfit> ShapeIndex::FindIn(const Value& value,
                                                     std::string& name) const {
  const auto known = by_name_.find(name);
  if (known == by_name_.end()) return std::nullopt;
  if (std::optional<TensorSpec> given = InputShape(value)) {
    const std::optional<TensorSpec>& expected = known->second;
    if (!expected.has_value() || Fits(*expected, *given)) return std::nullopt;
    given->name = name;
    return Misfit{.given = *std::move(given), .expected = *expected};
  }
  std::optional<Misfit> misfit;
  ForEachNamed(value, name, [&](const Value& child) {
    misfit = FindIn(child, name);
    return !misfit.has_value();
  });
  return misfit;
}

absl::Status CheckShapes(const ShapeIndex& declared,
                         std::span<const NamedValue> inputs) {
  const auto misfit = declared.Find(inputs);
  if (!misfit.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      ShownMisfit(*misfit, "the file beside the model declares"));
}

absl::Status CheckOutputs(std::span<const Argument> outputs,
                          std::span<const std::string> wanted) {
  if (wanted.empty() || !NamesEveryOutput(outputs)) return absl::OkStatus();
  for (const std::string& name : wanted) {
    if (std::ranges::find(outputs, ArgumentOf(name), &Argument::name) !=
        outputs.end()) {
      continue;
    }
    std::string names;
    for (const Argument& output : outputs) {
      absl::StrAppend(&names, names.empty() ? "" : ", ", Shown(output.name));
    }
    return absl::InvalidArgumentError(
        absl::StrCat("output ", Shown(name),
                     ": the model gives no such output; it gives ", names));
  }
  return absl::OkStatus();
}

absl::Status ExplainThrow(const Signature& signature,
                          std::span<const NamedValue> inputs,
                          const absl::Status& thrown) {
  std::string why = ExplainDtype(signature, inputs);
  if (why.empty()) {
    std::vector<TensorSpec> known = signature.input_shapes;
    // Where the program tells the dtype, it was told above.
    for (TensorSpec& tensor : known) {
      const Argument* argument = signature.FindInput(tensor.name);
      if (argument != nullptr && !argument->datatype.empty()) {
        tensor.datatype.clear();
      }
    }
    const auto misfit = ShapeIndex(known).Find(inputs);
    if (!misfit.has_value()) return thrown;
    why = ShownMisfit(*misfit, "the model has run with");
  }
  return absl::InvalidArgumentError(absl::StrCat(why, "; ", thrown.message()));
}

Signature WithLearned(const Signature& loaded,
                      std::span<const NamedValue> inputs,
                      std::span<const NamedValue> outputs) {
  Signature signature = loaded;
  if (signature.shape_source == ShapeSource::kUnknown) {
    signature.shape_source = ShapeSource::kLearned;
  }
  // A sidecar may leave either out.
  if (signature.input_shapes.empty()) {
    signature.input_shapes = InputShapes(inputs);
    for (TensorSpec& tensor : signature.input_shapes) {
      const Argument* argument = signature.FindInput(tensor.name);
      if (argument == nullptr || argument->datatype.empty()) continue;
      const bool as_good = argument->need == DtypeNeed::kFloating &&
                           IsFloatingPoint(tensor.datatype);
      if (!as_good) tensor.datatype = argument->datatype;
    }
  }
  if (signature.output_shapes.empty()) {
    signature.output_shapes = OutputShapes(outputs);
  }
  return signature;
}

}  // namespace ferry
