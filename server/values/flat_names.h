// Flat names are what protocols and people call tensors in lists, tuples and
// dicts: "boxes.0", "options.scale". ForEachNamed() walks a value with them.
//
// Threads:  any.

#ifndef SERVER_VALUES_FLAT_NAMES_H_
#define SERVER_VALUES_FLAT_NAMES_H_

#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/strings/str_cat.h"

#include "server/values/value.h"

namespace ferry {

// The argument that a flat tensor is, or is a part of: "boxes" of "boxes.0".
inline std::string_view ArgumentOf(std::string_view tensor) {
  return tensor.substr(0, tensor.find('.'));
}

// Whether a kind of value holds others.
template <typename T>
inline constexpr bool kNests =
    std::is_same_v<T, Value::List> || std::is_same_v<T, Value::Tuple> ||
    std::is_same_v<T, Value::Dict>;

// Visits what a list, a tuple or a dict holds, each with its part of the name:
// "0", "1", or its key. `visit(child, part)` says whether to go on.
template <typename V, typename Visit>
void ForEachChild(V& value, const Visit& visit) {
  if (auto* list = std::get_if<Value::List>(&value.value)) {
    for (size_t i = 0; i < list->size(); ++i) {
      if (!visit((*list)[i], absl::StrCat(i))) return;
    }
  } else if (auto* tuple = std::get_if<Value::Tuple>(&value.value)) {
    for (size_t i = 0; i < tuple->elements.size(); ++i) {
      const std::string part =
          tuple->names.empty() ? absl::StrCat(i) : tuple->names[i];
      if (!visit(tuple->elements[i], part)) return;
    }
  } else if (auto* dict = std::get_if<Value::Dict>(&value.value)) {
    for (auto& [key, child] : *dict) {
      if (!visit(child, key)) return;
    }
  }
}

// The same for `visit(child)`, with the child's name in `name` meanwhile: that
// of `value`, a dot, and its part.
template <typename V, typename Visit>
void ForEachNamed(V& value, std::string& name, const Visit& visit) {
  const size_t size = name.size();
  ForEachChild(value, [&](auto& child, const std::string& part) {
    absl::StrAppend(&name, ".", part);
    const bool go_on = visit(child);
    name.resize(size);
    return go_on;
  });
}

}  // namespace ferry

#endif  // SERVER_VALUES_FLAT_NAMES_H_
