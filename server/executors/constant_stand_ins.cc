#include "server/executors/constant_stand_ins.h"

#include <functional>
#include <utility>
#include <vector>

#include <ATen/core/jit_type.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include "server/executors/graph_walk.h"

namespace ferry {

namespace {

using torch::jit::AttributeKind;

// `value` with `replace` done to each tensor in it.
c10::IValue WithTensors(
    const c10::IValue& value,
    const std::function<at::Tensor(const at::Tensor&)>& replace) {
  if (value.isTensor()) {
    if (!value.toTensor().defined()) return value;
    return replace(value.toTensor());
  }
  if (value.isTuple()) {
    std::vector<c10::IValue> elements;
    for (const c10::IValue& element : value.toTupleRef().elements()) {
      elements.push_back(WithTensors(element, replace));
    }
    return c10::ivalue::Tuple::createNamed(
        std::move(elements), value.toTupleRef().type<c10::TupleType>());
  }
  if (value.isList()) {
    c10::impl::GenericList list(value.toList().elementType());
    for (const c10::IValue& element : value.toListRef()) {
      list.push_back(WithTensors(element, replace));
    }
    return list;
  }
  if (value.isGenericDict()) {
    const c10::impl::GenericDict from = value.toGenericDict();
    c10::impl::GenericDict to(from.keyType(), from.valueType());
    for (const auto& entry : from) {
      to.insert(entry.key(), WithTensors(entry.value(), replace));
    }
    return to;
  }
  return value;
}

}  // namespace

at::Tensor ConstantStandIns::Make(const at::Tensor& tensor) {
  // One element, seen as many times as nobody else's.
  const auto size = static_cast<int64_t>(originals_.size()) + 1;
  at::Tensor stand_in =
      at::zeros({1}, at::TensorOptions().dtype(at::kByte)).expand({size});
  originals_.emplace(stand_in.unsafeGetTensorImpl(),
                     std::pair(stand_in, tensor));
  return stand_in;
}

c10::IValue ConstantStandIns::StandInFor(const c10::IValue& constant) {
  return WithTensors(constant,
                     [this](const at::Tensor& tensor) { return Make(tensor); });
}

c10::IValue ConstantStandIns::Original(const c10::IValue& value) const {
  return WithTensors(value, [this](const at::Tensor& tensor) {
    const auto known = originals_.find(tensor.unsafeGetTensorImpl());
    return known == originals_.end() ? tensor : known->second.second;
  });
}

void ConstantStandIns::PutBackDefaults(torch::jit::Function& function) const {
  const c10::FunctionSchema& schema = function.getSchema();
  std::vector<c10::Argument> arguments;
  for (const c10::Argument& argument : schema.arguments()) {
    const auto& value = argument.default_value();
    arguments.emplace_back(
        argument.name(), argument.type(), argument.N(),
        value ? std::optional(Original(*value)) : std::nullopt,
        argument.kwarg_only());
  }
  function.setSchema(schema.cloneWithArguments(std::move(arguments)));
}

void ConstantStandIns::PutBack(const torch::jit::CompilationUnit& unit) const {
  for (torch::jit::Function* function : unit.get_functions()) {
    if (!function->isGraphFunction()) continue;
    PutBackDefaults(*function);
    ForEachNode(*torch::jit::toGraphFunction(*function).graph(),
                [this](torch::jit::Node* node) {
                  if (node->kind() != c10::prim::Constant ||
                      !node->hasAttribute(c10::attr::value)) {
                    return;
                  }
                  const AttributeKind kind = node->kindOf(c10::attr::value);
                  if (kind == AttributeKind::t) {
                    const c10::IValue original =
                        Original(node->t(c10::attr::value));
                    node->t_(c10::attr::value, original.toTensor());
                    node->output()->inferTypeFrom(original.toTensor());
                  } else if (kind == AttributeKind::ival) {
                    node->ival_(c10::attr::value,
                                Original(node->ival(c10::attr::value)));
                  }
                });
  }
}

}  // namespace ferry
