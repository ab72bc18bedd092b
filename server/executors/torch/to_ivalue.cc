#include "server/executors/torch/to_ivalue.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/function_schema.h>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/executors/torch/request_tensor.h"
#include "server/executors/torch/tensor_numbers.h"

namespace ferry {

namespace {

using Converted = absl::StatusOr<c10::IValue>;

// Where in an argument we are. Lives on the stack; its text is only made for
// an error.
struct Place {
  const Place* parent;
  std::string_view name;  // Of the argument or field, or the key of a dict.
  size_t index;
  enum { kArgument, kField, kKey, kIndex } kind;

  std::string ToString() const {
    const std::string before = parent ? parent->ToString() : "";
    switch (kind) {
      case kArgument:
        return std::string(name);
      case kField:
        return absl::StrCat(before, ".", std::string(name));
      case kKey:
        return absl::StrCat(before, "[", Shown(name), "]");
      case kIndex:
        return absl::StrCat(before, "[", index, "]");
    }
    return before;
  }

  // As flattened names have it: "boxes.2", "options.scale".
  std::string Flattened() const {
    if (parent == nullptr) return std::string(name);
    if (kind == kIndex) return absl::StrCat(parent->Flattened(), ".", index);
    return absl::StrCat(parent->Flattened(), ".", std::string(name));
  }
};

std::string Describe(const Value& value) {
  struct Words {
    std::string operator()(None) { return "None"; }
    std::string operator()(const TensorView& tensor) {
      std::string shape;
      for (const int64_t size : tensor.shape) {
        absl::StrAppend(&shape, shape.empty() ? "" : ", ", size);
      }
      return absl::StrCat("a ", std::string(TorchName(tensor.dtype)),
                          " tensor of shape [", shape, "]");
    }
    std::string operator()(int64_t) { return "an int"; }
    std::string operator()(double) { return "a float"; }
    std::string operator()(bool) { return "a bool"; }
    std::string operator()(const std::string&) { return "a string"; }
    std::string operator()(const Value::List& list) {
      return absl::StrCat("a list of ", list.size());
    }
    std::string operator()(const Value::Tuple& tuple) {
      return absl::StrCat("a tuple of ", tuple.elements.size());
    }
    std::string operator()(const Value::Dict& dict) {
      return absl::StrCat("a dict of ", dict.size());
    }
  };
  return std::visit(Words{}, value.value);
}

absl::Status Refuse(const Place& place, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("inputs: ", place.ToString(), ": ", why));
}

absl::Status Mismatch(const Place& place, const c10::Type& type,
                      const Value& value) {
  return Refuse(place, absl::StrCat("the model takes ", type.annotation_str(),
                                    ", got ", Describe(value)));
}

class Converter {
 public:
  explicit Converter(const InputPlace& place) : to_(place) {}

  Converted Convert(const Value& value, const c10::TypePtr& type,
                    const Place& at) {
    switch (type->kind()) {
      case c10::TypeKind::TensorType:
        return Tensor(value, *type, at);
      case c10::TypeKind::IntType:
      case c10::TypeKind::FloatType:
      case c10::TypeKind::BoolType:
      case c10::TypeKind::NumberType:
        return Number(value, *type, at);
      case c10::TypeKind::StringType:
        return String(value, *type, at);
      case c10::TypeKind::NoneType:
        if (std::holds_alternative<None>(value.value)) return c10::IValue();
        return Mismatch(at, *type, value);
      case c10::TypeKind::OptionalType:
        if (std::holds_alternative<None>(value.value)) return c10::IValue();
        return Convert(
            value, type->expectRef<c10::OptionalType>().getElementType(), at);
      case c10::TypeKind::ListType:
        return List(value, type->expectRef<c10::ListType>(), at);
      case c10::TypeKind::TupleType:
        return Tuple(value, type->expect<c10::TupleType>(), at);
      case c10::TypeKind::DictType:
        return Dict(value, type->expectRef<c10::DictType>(), at);
      case c10::TypeKind::UnionType:
        return Union(value, type->expectRef<c10::UnionType>(), at);
      case c10::TypeKind::AnyType:
        return Any(value, *type, at);
      default:
        return Unsupported(*type, at);
    }
  }

 private:
  static absl::Status Unsupported(const c10::Type& type, const Place& at) {
    return Refuse(at, absl::StrCat("the model takes ", type.annotation_str(),
                                   ", which no request can carry"));
  }

  Converted Tensor(const Value& value, const c10::Type& type, const Place& at) {
    const auto* view = std::get_if<TensorView>(&value.value);
    if (view == nullptr) return Mismatch(at, type, value);
    const c10::Device device = StaysOnHost(at) ? c10::kCPU : to_.device;
    return c10::IValue(RequestTensor(*view, device, to_.copy_tensors));
  }

  bool StaysOnHost(const Place& at) const {
    if (to_.host_inputs.empty() || to_.device.is_cpu()) return false;
    const std::string name = at.Flattened();
    return std::ranges::any_of(
        to_.host_inputs, [&](const std::string& on_host) {
          return name.starts_with(on_host) &&
                 (name.size() == on_host.size() || name[on_host.size()] == '.');
        });
  }

  // What a number type takes, without narrowing: an int for a float is exact
  // enough that Python does it too.
  static std::optional<c10::IValue> FitNumber(c10::TypeKind kind,
                                              const TensorNumber& number) {
    const auto* as_int = std::get_if<int64_t>(&number);
    const auto* as_float = std::get_if<double>(&number);
    const auto* as_bool = std::get_if<bool>(&number);
    switch (kind) {
      case c10::TypeKind::IntType:
        if (as_int) return c10::IValue(*as_int);
        break;
      case c10::TypeKind::FloatType:
        if (as_float) return c10::IValue(*as_float);
        if (as_int) return c10::IValue(static_cast<double>(*as_int));
        break;
      case c10::TypeKind::BoolType:
        if (as_bool) return c10::IValue(*as_bool);
        break;
      case c10::TypeKind::NumberType:
        if (as_int) return c10::IValue(*as_int);
        if (as_float) return c10::IValue(*as_float);
        if (as_bool) return c10::IValue(*as_bool);
        break;
      default:
        break;
    }
    return std::nullopt;
  }

  Converted Number(const Value& value, const c10::Type& type, const Place& at) {
    std::optional<c10::IValue> fits;
    if (const auto* i = std::get_if<int64_t>(&value.value)) {
      fits = FitNumber(type.kind(), *i);
    } else if (const auto* f = std::get_if<double>(&value.value)) {
      fits = FitNumber(type.kind(), *f);
    } else if (const auto* b = std::get_if<bool>(&value.value)) {
      fits = FitNumber(type.kind(), *b);
    } else if (const auto* view = std::get_if<TensorView>(&value.value)) {
      if (CheckedElements(*view) == 1) {
        if (const auto number = NumberAt(*view, 0)) {
          fits = FitNumber(type.kind(), *number);
        }
      }
    }
    if (!fits) return Mismatch(at, type, value);
    return *std::move(fits);
  }

  Converted String(const Value& value, const c10::Type& type, const Place& at) {
    if (const auto* text = std::get_if<std::string>(&value.value)) {
      return c10::IValue(*text);
    }
    if (const auto* list = std::get_if<Value::List>(&value.value);
        list != nullptr && list->size() == 1) {
      if (const auto* text = std::get_if<std::string>(&list->front().value)) {
        return c10::IValue(*text);
      }
    }
    return Mismatch(at, type, value);
  }

  Converted List(const Value& value, const c10::ListType& type,
                 const Place& at) {
    const c10::TypePtr& element = type.getElementType();
    c10::impl::GenericList list(element);
    if (const auto* view = std::get_if<TensorView>(&value.value)) {
      return NumbersOf(*view, value, type, std::move(list), at);
    }
    const auto* from = std::get_if<Value::List>(&value.value);
    if (from == nullptr) return Mismatch(at, type, value);
    list.reserve(from->size());
    for (size_t i = 0; i < from->size(); ++i) {
      ASSIGN_OR_RETURN(
          c10::IValue made,
          Convert((*from)[i], element, Place{&at, {}, i, Place::kIndex}));
      list.push_back(std::move(made));
    }
    return c10::IValue(std::move(list));
  }

  static Converted NumbersOf(const TensorView& view, const Value& value,
                             const c10::ListType& type,
                             c10::impl::GenericList list, const Place& at) {
    if (view.shape.size() != 1) return Mismatch(at, type, value);
    const auto count = static_cast<size_t>(CheckedElements(view));
    list.reserve(count);
    for (size_t i = 0; i < count; ++i) {
      std::optional<c10::IValue> fits;
      if (const auto number = NumberAt(view, i)) {
        fits = FitNumber(type.getElementType()->kind(), *number);
      }
      if (!fits) return Mismatch(at, type, value);
      list.push_back(*std::move(fits));
    }
    return c10::IValue(std::move(list));
  }

  Converted Tuple(const Value& value, const c10::TupleTypePtr& type,
                  const Place& at) {
    const auto& types = type->elements();
    std::vector<c10::IValue> made;
    made.reserve(types.size());
    if (const auto* dict = std::get_if<Value::Dict>(&value.value);
        dict != nullptr && type->schema()) {
      // A NamedTuple written as an object, in any order.
      if (dict->size() != types.size()) return Mismatch(at, *type, value);
      for (size_t i = 0; i < types.size(); ++i) {
        const std::string& field = type->schema()->arguments()[i].name();
        const Value* found = nullptr;
        for (const auto& [key, element] : *dict) {
          if (key == field) found = &element;
        }
        const Place here{&at, field, 0, Place::kField};
        if (found == nullptr) return Refuse(here, "missing");
        ASSIGN_OR_RETURN(c10::IValue element, Convert(*found, types[i], here));
        made.push_back(std::move(element));
      }
    } else {
      const auto* tuple = std::get_if<Value::Tuple>(&value.value);
      const auto* list = std::get_if<Value::List>(&value.value);
      if (tuple == nullptr && list == nullptr) {
        return Mismatch(at, *type, value);
      }
      const std::vector<Value>& from = tuple ? tuple->elements : *list;
      if (from.size() != types.size()) return Mismatch(at, *type, value);
      for (size_t i = 0; i < types.size(); ++i) {
        const Place here =
            type->schema() ? Place{&at, type->schema()->arguments()[i].name(),
                                   0, Place::kField}
                           : Place{&at, {}, i, Place::kIndex};
        ASSIGN_OR_RETURN(c10::IValue element, Convert(from[i], types[i], here));
        made.push_back(std::move(element));
      }
    }
    if (type->schema()) {
      return c10::IValue(
          c10::ivalue::Tuple::createNamed(std::move(made), type));
    }
    return c10::IValue(c10::ivalue::Tuple::create(std::move(made)));
  }

  static std::optional<c10::IValue> Key(c10::TypeKind kind,
                                        const std::string& text) {
    int64_t as_int = 0;
    double as_float = 0;
    switch (kind) {
      case c10::TypeKind::StringType:
        return c10::IValue(text);
      case c10::TypeKind::IntType:
        if (absl::SimpleAtoi(text, &as_int)) return c10::IValue(as_int);
        break;
      case c10::TypeKind::FloatType:
        if (absl::SimpleAtod(text, &as_float)) return c10::IValue(as_float);
        break;
      case c10::TypeKind::BoolType:
        if (text == "true" || text == "True") return c10::IValue(true);
        if (text == "false" || text == "False") return c10::IValue(false);
        break;
      default:
        break;
    }
    return std::nullopt;
  }

  Converted Dict(const Value& value, const c10::DictType& type,
                 const Place& at) {
    const auto* from = std::get_if<Value::Dict>(&value.value);
    if (from == nullptr) return Mismatch(at, type, value);
    c10::impl::GenericDict dict(type.getKeyType(), type.getValueType());
    dict.reserve(from->size());
    for (const auto& [text, element] : *from) {
      const Place here{&at, text, 0, Place::kKey};
      const auto key = Key(type.getKeyType()->kind(), text);
      if (!key) {
        return Refuse(here, absl::StrCat("the key is not a ",
                                         type.getKeyType()->annotation_str()));
      }
      if (dict.contains(*key)) return Refuse(here, "the key is there twice");
      ASSIGN_OR_RETURN(c10::IValue made,
                       Convert(element, type.getValueType(), here));
      dict.insert(*key, std::move(made));
    }
    return c10::IValue(std::move(dict));
  }

  Converted Union(const Value& value, const c10::UnionType& type,
                  const Place& at) {
    for (const c10::TypePtr& member : type.containedTypes()) {
      Converted made = Convert(value, member, at);
      if (made.ok()) return made;
    }
    return Mismatch(at, type, value);
  }

  Converted Any(const Value& value, const c10::Type& type, const Place& at) {
    switch (value.value.index()) {
      case 0:
        return c10::IValue();
      case 1:
        return Convert(value, c10::TensorType::get(), at);
      case 2:
      case 3:
      case 4:
        return Convert(value, c10::NumberType::get(), at);
      case 5:
        return Convert(value, c10::StringType::get(), at);
      default:
        return Unsupported(type, at);
    }
  }

  const InputPlace& to_;
};

}  // namespace

absl::StatusOr<c10::IValue> ToIValue(const Value& value,
                                     const c10::TypePtr& type,
                                     std::string_view name,
                                     const InputPlace& place) {
  return Converter(place).Convert(value, type,
                                  Place{nullptr, name, 0, Place::kArgument});
}

}  // namespace ferry
