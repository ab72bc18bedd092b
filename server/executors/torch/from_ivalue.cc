#include "server/executors/torch/from_ivalue.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <ATen/core/function_schema.h>
#include <ATen/core/jit_type.h>
#include <ATen/ops/empty.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"
#include "server/executors/torch/torch_types.h"

namespace ferry {

namespace {

absl::Status Refuse(const std::string& name, const std::string& what) {
  return absl::InternalError(absl::StrCat("outputs: ", name,
                                          ": the model returned ", what,
                                          ", which no answer can carry"));
}

// Dense and in host memory.
at::Tensor OnHost(const at::Tensor& tensor, const AnswerTensors& tensors) {
  const at::Tensor plain = tensor.resolve_conj().resolve_neg();
  if (plain.device().is_cpu() && !tensors.copy_all) return plain.contiguous();
  at::Tensor host =
      at::empty(plain.sizes(), at::TensorOptions().dtype(plain.scalar_type()));
  host.copy_(plain);
  return host;
}

absl::StatusOr<Value> FromTensor(const at::Tensor& tensor,
                                 const std::string& name,
                                 AnswerTensors& tensors) {
  if (!tensor.defined()) return Value{None{}};
  if (tensor.layout() != c10::kStrided || tensor.is_quantized()) {
    return Refuse(name, "a sparse or quantised tensor");
  }
  const std::optional<DType> dtype = FromScalarType(tensor.scalar_type());
  if (!dtype) {
    return Refuse(name, absl::StrCat("a tensor of type ",
                                     c10::toString(tensor.scalar_type())));
  }
  at::Tensor host = OnHost(tensor, tensors);
  TensorView view{.dtype = *dtype,
                  .shape = tensor.sizes().vec(),
                  .bytes = {static_cast<const std::byte*>(
                                host.numel() ? host.const_data_ptr() : nullptr),
                            static_cast<size_t>(host.nbytes())}};
  tensors.kept.push_back(std::move(host));
  return Value{std::move(view)};
}

std::optional<std::string> KeyText(const c10::IValue& key) {
  if (key.isString()) return key.toStringRef();
  if (key.isInt()) return absl::StrCat(key.toInt());
  if (key.isDouble()) return absl::StrCat(key.toDouble());
  if (key.isBool()) return std::string(key.toBool() ? "true" : "false");
  return std::nullopt;
}

absl::StatusOr<Value> FromIValue(const c10::IValue& from,
                                 const std::string& name, int depth,
                                 AnswerTensors& tensors);

// Null for one whose elements have no names, or not as many.
c10::TupleTypePtr NamedType(const c10::ivalue::Tuple& tuple) {
  auto type = tuple.type<c10::TupleType>();
  return type->schema() &&
                 type->schema()->arguments().size() == tuple.elements().size()
             ? type
             : nullptr;
}

absl::StatusOr<Value> FromTuple(const c10::ivalue::Tuple& from,
                                const std::string& name, int depth,
                                AnswerTensors& tensors) {
  Value::Tuple tuple;
  for (const c10::IValue& element : from.elements()) {
    ASSIGN_OR_RETURN(Value made, FromIValue(element, name, depth + 1, tensors));
    tuple.elements.push_back(std::move(made));
  }
  if (const auto type = NamedType(from)) {
    for (const c10::Argument& field : type->schema()->arguments()) {
      tuple.names.push_back(field.name());
    }
  }
  return Value{std::move(tuple)};
}

absl::StatusOr<Value> FromDict(const c10::impl::GenericDict& from,
                               const std::string& name, int depth,
                               AnswerTensors& tensors) {
  Value::Dict dict;
  for (const auto& entry : from) {
    std::optional<std::string> key = KeyText(entry.key());
    if (!key) return Refuse(name, "a dict whose keys are not plain");
    ASSIGN_OR_RETURN(Value made,
                     FromIValue(entry.value(), name, depth + 1, tensors));
    dict.push_back({*std::move(key), std::move(made)});
  }
  return Value{std::move(dict)};
}

absl::StatusOr<Value> FromIValue(const c10::IValue& from,
                                 const std::string& name, int depth,
                                 AnswerTensors& tensors) {
  if (depth > Value::kDepthMax) {
    return Refuse(name,
                  absl::StrCat("more than ", Value::kDepthMax, " levels"));
  }
  if (from.isTensor()) return FromTensor(from.toTensor(), name, tensors);
  if (from.isNone()) return Value{None{}};
  if (from.isInt()) return Value{from.toInt()};
  if (from.isDouble()) return Value{from.toDouble()};
  if (from.isBool()) return Value{from.toBool()};
  if (from.isString()) return Value{from.toStringRef()};
  if (from.isTuple()) {
    return FromTuple(from.toTupleRef(), name, depth, tensors);
  }
  if (from.isList()) {
    Value::List list;
    for (const c10::IValue& element : from.toListRef()) {
      ASSIGN_OR_RETURN(Value made,
                       FromIValue(element, name, depth + 1, tensors));
      list.push_back(std::move(made));
    }
    return Value{std::move(list)};
  }
  if (from.isGenericDict()) {
    return FromDict(from.toGenericDict(), name, depth, tensors);
  }
  return Refuse(name, absl::StrCat("a ", from.tagKind()));
}

bool HasTextKeys(const c10::IValue& answer) {
  return answer.isGenericDict() &&
         answer.toGenericDict().keyType()->kind() == c10::TypeKind::StringType;
}

}  // namespace

absl::StatusOr<std::vector<NamedValue>> AnswerValues(const c10::IValue& answer,
                                                     AnswerTensors& tensors) {
  std::vector<NamedValue> outputs;
  const auto add = [&](std::string name,
                       const c10::IValue& from) -> absl::Status {
    ASSIGN_OR_RETURN(Value made, FromIValue(from, name, 1, tensors));
    outputs.push_back({std::move(name), std::move(made)});
    return absl::OkStatus();
  };
  if (answer.isTuple()) {
    const c10::ivalue::Tuple& tuple = answer.toTupleRef();
    const auto type = NamedType(tuple);
    for (size_t i = 0; i < tuple.elements().size(); ++i) {
      RETURN_IF_ERROR(add(type ? type->schema()->arguments()[i].name()
                               : absl::StrCat("output_", i),
                          tuple.elements()[i]));
    }
  } else if (HasTextKeys(answer)) {
    const c10::impl::GenericDict dict = answer.toGenericDict();
    for (const auto& entry : dict) {
      RETURN_IF_ERROR(add(entry.key().toStringRef(), entry.value()));
    }
  } else {
    RETURN_IF_ERROR(add("output", answer));
  }
  return outputs;
}

}  // namespace ferry
