#include "server/registry/exemplar.h"

#include <optional>
#include <string>
#include <type_traits>
#include <variant>

#include "absl/strings/str_cat.h"

namespace ferry {
namespace {

// Calls `visit(child, name)` for each element of a list, tuple or dict.
template <typename V, typename Visit>
void ForEachChild(V& value, const Visit& visit) {
  if (auto* list = std::get_if<Value::List>(&value.value)) {
    for (size_t i = 0; i < list->size(); ++i) {
      visit((*list)[i], absl::StrCat(i));
    }
  } else if (auto* tuple = std::get_if<Value::Tuple>(&value.value)) {
    for (size_t i = 0; i < tuple->elements.size(); ++i) {
      visit(tuple->elements[i],
            tuple->names.empty() ? absl::StrCat(i) : tuple->names[i]);
    }
  } else if (auto* dict = std::get_if<Value::Dict>(&value.value)) {
    for (auto& [key, child] : *dict) visit(child, key);
  }
}

// What a copy of a value keeps in memory.
uint64_t CopyBytes(const Value& value) {
  uint64_t total_bytes = sizeof(value);
  if (const auto* tensor = std::get_if<TensorView>(&value.value)) {
    total_bytes += tensor->bytes.size();
  } else if (const auto* text = std::get_if<std::string>(&value.value)) {
    total_bytes += text->size();
  }
  ForEachChild(value, [&](const Value& child, const std::string& key) {
    total_bytes += key.size() + CopyBytes(child);
  });
  return total_bytes;
}

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

enum class Direction { kInput, kOutput };

void Flatten(const std::string& name, const Value& value, Direction direction,
             std::vector<TensorShape>& shapes) {
  const auto scalar = [&](const char* datatype) {
    shapes.push_back({.name = name, .datatype = datatype, .shape = {1}});
  };
  if (const auto* tensor = std::get_if<TensorView>(&value.value)) {
    shapes.push_back({.name = name,
                      .datatype = std::string(KServeName(tensor->dtype)),
                      .shape = tensor->shape});
  } else if (std::holds_alternative<int64_t>(value.value)) {
    scalar("INT64");
  } else if (std::holds_alternative<double>(value.value)) {
    scalar("FP64");
  } else if (std::holds_alternative<bool>(value.value)) {
    scalar("BOOL");
  } else if (std::holds_alternative<std::string>(value.value)) {
    scalar("BYTES");
  } else if (const auto strings = direction == Direction::kInput
                                      ? StringsShape(value)
                                      : std::nullopt) {
    shapes.push_back({.name = name, .datatype = "BYTES", .shape = *strings});
  } else {
    ForEachChild(value, [&](const Value& child, const std::string& key) {
      Flatten(absl::StrCat(name, ".", key), child, direction, shapes);
    });
  }
}

std::vector<TensorShape> Flatten(std::span<const NamedValue> values,
                                 Direction direction) {
  std::vector<TensorShape> shapes;
  for (const NamedValue& named : values) {
    Flatten(named.name, named.value, direction, shapes);
  }
  return shapes;
}

}  // namespace

std::shared_ptr<const Exemplar> Exemplar::Copy(
    std::span<const NamedValue> inputs, uint64_t size_max_bytes) {
  uint64_t total_bytes = 0;
  for (const NamedValue& input : inputs) {
    total_bytes += CopyBytes(input.value);
  }
  if (total_bytes > size_max_bytes) return nullptr;

  std::shared_ptr<Exemplar> exemplar(new Exemplar);
  exemplar->inputs_.assign(inputs.begin(), inputs.end());
  for (NamedValue& input : exemplar->inputs_) exemplar->Adopt(input.value);
  return exemplar;
}

void Exemplar::Adopt(Value& value) {
  if (auto* tensor = std::get_if<TensorView>(&value.value)) {
    bytes_.emplace_back(tensor->bytes.begin(), tensor->bytes.end());
    tensor->bytes = bytes_.back();
    return;
  }
  ForEachChild(value, [&](Value& child, const std::string&) { Adopt(child); });
}

std::vector<TensorShape> InputShapes(std::span<const NamedValue> inputs) {
  return Flatten(inputs, Direction::kInput);
}

std::vector<TensorShape> OutputShapes(std::span<const NamedValue> outputs) {
  return Flatten(outputs, Direction::kOutput);
}

}  // namespace ferry
