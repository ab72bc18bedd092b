// ForEachChild() visits what a list, a tuple or a dict holds, each with the
// part of its flattened name: "0", "1", or its key.
//
// Threads:  any.

#ifndef SERVER_REGISTRY_VALUE_WALK_H_
#define SERVER_REGISTRY_VALUE_WALK_H_

#include <string>
#include <variant>

#include "absl/strings/str_cat.h"

#include "server/executors/value.h"

namespace ferry {

// `visit(child, part)` says whether to go on.
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

}  // namespace ferry

#endif  // SERVER_REGISTRY_VALUE_WALK_H_
