#include "server/values/tensor_shapes.h"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

#include "server/values/flat_names.h"

namespace ferry {
namespace {

// Of a list, or of lists of equal length, whose leaves are all strings.
std::optional<std::vector<int64_t>> StringsShape(const Value& value) {
  if (std::holds_alternative<std::string>(value.value)) {
    return std::vector<int64_t>();
  }
  const auto* list = std::get_if<Value::List>(&value.value);
  if (list == nullptr || list->empty()) return std::nullopt;
  auto shape = StringsShape(list->front());
  for (const Value& element : *list) {
    if (!shape.has_value() || StringsShape(element) != shape) {
      return std::nullopt;
    }
  }
  shape->insert(shape->begin(), static_cast<int64_t>(list->size()));
  return shape;
}

// Of a value that is one tensor in either direction, without its name.
std::optional<TensorSpec> PlainShape(const Value& value) {
  const auto scalar = [](const char* datatype) {
    return TensorSpec{.name = "", .datatype = datatype, .shape = {1}};
  };
  if (const auto* tensor = std::get_if<TensorView>(&value.value)) {
    return TensorSpec{.name = "",
                      .datatype = std::string(KServeName(tensor->dtype)),
                      .shape = tensor->shape};
  }
  if (std::holds_alternative<int64_t>(value.value)) return scalar("INT64");
  if (std::holds_alternative<double>(value.value)) return scalar("FP64");
  if (std::holds_alternative<bool>(value.value)) return scalar("BOOL");
  if (std::holds_alternative<std::string>(value.value)) return scalar("BYTES");
  return std::nullopt;
}

using ShapeOf = std::optional<TensorSpec> (*)(const Value&);

class Flattener {
 public:
  explicit Flattener(ShapeOf shape_of) : shape_of_(shape_of) {}

  std::vector<TensorSpec> Flatten(std::span<const NamedValue> values) {
    for (const NamedValue& named : values) {
      name_ = named.name;
      Add(named.value, 0);
    }
    return std::move(shapes_);
  }

 private:
  size_t left() const { return kShapesMax - shapes_.size(); }

  // How many tensors there are in it; more than are left when it is, by
  // however many.
  size_t Count(const Value& value) const {
    if (shape_of_(value).has_value()) return 1;
    size_t count = 0;
    ForEachChild(value, [&](const Value& child, const std::string&) {
      count += Count(child);
      return count <= left();
    });
    return count;
  }

  // `list_size` is of the lists around it that are shown as one element each.
  void Add(const Value& value, int64_t list_size) {
    if (left() == 0 || name_.size() > kTensorNameLengthMax) return;
    if (std::optional<TensorSpec> shape = shape_of_(value)) {
      shape->name = name_;
      shape->list_size = list_size;
      shapes_.push_back(*std::move(shape));
      return;
    }
    const auto* list = std::get_if<Value::List>(&value.value);
    const bool is_long = list != nullptr && Count(value) > left();
    if (is_long) {
      list_size =
          std::max<int64_t>(list_size, 1) * static_cast<int64_t>(list->size());
    }
    ForEachNamed(value, name_, [&](const Value& child) {
      Add(child, list_size);
      return !is_long && left() > 0;
    });
  }

  const ShapeOf shape_of_;
  std::string name_;
  std::vector<TensorSpec> shapes_;
};

}  // namespace

std::optional<TensorSpec> InputShape(const Value& value) {
  if (std::optional<TensorSpec> shape = PlainShape(value)) return shape;
  auto strings = StringsShape(value);
  if (!strings.has_value()) return std::nullopt;
  return TensorSpec{
      .name = "", .datatype = "BYTES", .shape = *std::move(strings)};
}

std::vector<TensorSpec> InputShapes(std::span<const NamedValue> inputs) {
  return Flattener(&InputShape).Flatten(inputs);
}

std::vector<TensorSpec> OutputShapes(std::span<const NamedValue> outputs) {
  return Flattener(&PlainShape).Flatten(outputs);
}

}  // namespace ferry
