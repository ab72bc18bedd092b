#include "server/executors/torch/ivalue_walk.h"

#include <unordered_set>

#include <ATen/core/jit_type.h>

namespace ferry {

namespace {

using Seen = std::unordered_set<const void*>;

void Walk(const c10::IValue& value, Seen& seen,
          const std::function<void(const at::Tensor&)>& visit) {
  if (value.isTensor()) {
    if (value.toTensor().defined()) visit(value.toTensor());
  } else if (value.isObject()) {
    // By the object, of which C++ ones have their capsule as a slot.
    const c10::ivalue::Object& object = value.toObjectRef();
    if (!seen.insert(&object).second) return;
    for (const c10::IValue& slot : object.slots()) Walk(slot, seen, visit);
  } else if (value.isList()) {
    const c10::impl::GenericList list = value.toList();
    const auto kind = list.elementType()->kind();
    if (kind == c10::TypeKind::IntType || kind == c10::TypeKind::FloatType ||
        kind == c10::TypeKind::BoolType || kind == c10::TypeKind::StringType) {
      return;
    }
    for (const c10::IValue& element : value.toListRef()) {
      Walk(element, seen, visit);
    }
  } else if (value.isTuple()) {
    for (const c10::IValue& element : value.toTupleRef().elements()) {
      Walk(element, seen, visit);
    }
  } else if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      Walk(entry.value(), seen, visit);
    }
  }
}

}  // namespace

void ForEachTensor(const c10::IValue& value,
                   const std::function<void(const at::Tensor&)>& visit) {
  Seen seen;
  Walk(value, seen, visit);
}

}  // namespace ferry
