#include "server/executors/torchscript/checks/slot_check.h"

#include <algorithm>
#include <string>

#include <ATen/core/class_type.h>

#include "absl/strings/str_cat.h"

namespace ferry {

namespace {

bool ConformsToTuple(const c10::IValue& value, const c10::TupleType& type) {
  if (!value.isTuple()) return false;
  const auto& elements = value.toTupleRef().elements();
  if (elements.size() != type.elements().size()) return false;
  for (size_t i = 0; i < elements.size(); ++i) {
    if (!Conforms(elements[i], *type.elements()[i])) return false;
  }
  return true;
}

bool ConformsToList(const c10::IValue& value, const c10::Type& element) {
  return value.isList() &&
         std::ranges::all_of(value.toListRef(), [&](const c10::IValue& one) {
           return Conforms(one, element);
         });
}

bool ConformsToDict(const c10::IValue& value, const c10::DictType& type) {
  if (!value.isGenericDict()) return false;
  for (const auto& entry : value.toGenericDict()) {
    if (!Conforms(entry.key(), *type.getKeyType()) ||
        !Conforms(entry.value(), *type.getValueType())) {
      return false;
    }
  }
  return true;
}

std::string TextOf(const c10::IValue& value) {
  return value.isObject() ? value.toObjectRef().type()->annotation_str()
                          : value.tagKind();
}

}  // namespace

bool HoldsObjects(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::ClassType:
    case c10::TypeKind::InterfaceType:
    case c10::TypeKind::TupleType:
    case c10::TypeKind::UnionType:
      return true;
    default:
      return std::ranges::any_of(
          type.containedTypes(),
          [](const c10::TypePtr& inner) { return HoldsObjects(*inner); });
  }
}

bool Conforms(const c10::IValue& value, const c10::Type& type) {
  if (!HoldsObjects(type)) return true;
  switch (type.kind()) {
    case c10::TypeKind::ClassType:
    case c10::TypeKind::InterfaceType:
      return value.isObject() && value.toObjectRef().type()->isSubtypeOf(type);
    case c10::TypeKind::TupleType:
      return ConformsToTuple(value, type.expectRef<c10::TupleType>());
    case c10::TypeKind::ListType:
      return ConformsToList(value, *type.containedType(0));
    case c10::TypeKind::DictType:
      return ConformsToDict(value, type.expectRef<c10::DictType>());
    case c10::TypeKind::OptionalType:
      return value.isNone() || Conforms(value, *type.containedType(0));
    case c10::TypeKind::UnionType:
      return std::ranges::any_of(
          type.containedTypes(), [&](const c10::TypePtr& one) {
            return HoldsObjects(*one) ? Conforms(value, *one)
                                      : !value.isObject() && !value.isTuple();
          });
    default:  // A future, say, which no file holds.
      return false;
  }
}

absl::Status CheckSlots(const c10::ivalue::Object& object) {
  const c10::ClassType& type = *object.type();
  if (object.slots().size() < type.numAttributes()) {
    return absl::InvalidArgumentError(
        absl::StrCat("an object of class ", type.annotation_str(), " has ",
                     object.slots().size(), " of its ", type.numAttributes(),
                     " attributes"));
  }
  for (size_t i = 0; i < type.numAttributes(); ++i) {
    if (Conforms(object.slots()[i], *type.getAttribute(i))) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "attribute ", type.getAttributeName(i), " of ", type.annotation_str(),
        " is declared as ", type.getAttribute(i)->annotation_str(),
        ", and holds ", TextOf(object.slots()[i])));
  }
  return absl::OkStatus();
}

}  // namespace ferry
