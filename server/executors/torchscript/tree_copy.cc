#include "server/executors/torchscript/tree_copy.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>
#include <ATen/core/class_type.h>
#include <ATen/core/jit_type.h>
#include <c10/core/TensorImpl.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/executors/torch/torch_error.h"
#include "server/executors/torch/torch_types.h"

namespace ferry {

namespace {

[[noreturn]] void CannotLive(const std::string& what, c10::Device device) {
  throw StatusError(absl::FailedPreconditionError(absl::StrCat(
      "the program holds ", what, ", which cannot be on ", device.str())));
}

class Copier {
 public:
  explicit Copier(StorageMap& storages) : storages_(storages) {}

  c10::IValue Copy(const c10::IValue& value) {
    if (value.isTensor()) {
      if (!value.toTensor().defined()) return value;
      return Once(value.toTensor().unsafeGetTensorImpl(), [&] {
        return c10::IValue(CopyTensor(value.toTensor(), storages_));
      });
    }
    if (value.isObject()) return CopyObject(value);
    if (value.isList()) return CopyList(value.toList());
    if (value.isTuple()) return CopyTuple(value.toTupleRef());
    if (value.isGenericDict()) return CopyDict(value.toGenericDict());
    if (value.isCapsule() && !storages_.device().is_cpu()) {
      CannotLive("a C++ object", storages_.device());
    }
    return value;
  }

 private:
  template <typename Make>
  c10::IValue Once(const void* key, Make make) {
    if (const auto known = made_.find(key); known != made_.end()) {
      return known->second;
    }
    c10::IValue made = make();
    made_.emplace(key, made);
    return made;
  }

  c10::IValue CopyObject(const c10::IValue& value) {
    const auto from = value.toObject();
    if (const auto known = made_.find(from.get()); known != made_.end()) {
      return known->second;
    }
    if (value.isCustomClass()) {
      // Packed weights: never written to, so all instances may share them.
      if (storages_.device().is_cpu()) return value;
      CannotLive(
          absl::StrCat("packed weights (", from->type()->name()->name(), ")"),
          storages_.device());
    }
    const auto to = c10::ivalue::Object::create(
        c10::StrongTypePtr(from->compilation_unit(), from->type()),
        from->slots().size());
    made_.emplace(from.get(), to);  // Before its slots: they may lead back.
    for (size_t i = 0; i < from->slots().size(); ++i) {
      to->setSlot(i, Copy(from->slots()[i]));
    }
    return to;
  }

  // Lists and dicts are references in TorchScript, too: sharing counts.
  c10::IValue CopyList(const c10::impl::GenericList& from) {
    const c10::IValue key(from);
    return Once(key.internalToPointer(), [&] {
      c10::impl::GenericList to(from.elementType());
      to.reserve(from.size());
      for (const c10::IValue& element : key.toListRef()) {
        to.push_back(Copy(element));
      }
      return c10::IValue(std::move(to));
    });
  }

  c10::IValue CopyDict(const c10::impl::GenericDict& from) {
    const c10::IValue key(from);
    return Once(key.internalToPointer(), [&] {
      c10::impl::GenericDict to(from.keyType(), from.valueType());
      to.reserve(from.size());
      for (const auto& entry : from) {
        to.insert(entry.key(), Copy(entry.value()));
      }
      return c10::IValue(std::move(to));
    });
  }

  c10::IValue CopyTuple(const c10::ivalue::Tuple& from) {
    std::vector<c10::IValue> to;
    to.reserve(from.elements().size());
    for (const c10::IValue& element : from.elements()) {
      to.push_back(Copy(element));
    }
    return c10::ivalue::Tuple::createNamed(std::move(to),
                                           from.type<c10::TupleType>());
  }

  StorageMap& storages_;
  std::unordered_map<const void*, c10::IValue> made_;
};

}  // namespace

at::Tensor CopyTensor(const at::Tensor& tensor, StorageMap& storages) {
  const c10::Device device = storages.device();
  const bool plain = tensor.layout() == c10::kStrided && !tensor.is_quantized();
  if (!plain || !tensor.has_storage()) {
    if (!device.is_cpu()) {
      CannotLive(absl::StrCat("a tensor of type ",
                              c10::toString(tensor.scalar_type())),
                 device);
    }
    if (!tensor.has_storage()) return tensor.clone();
    at::Tensor copy = tensor.detach();
    copy.unsafeGetTensorImpl()->set_storage_keep_dtype(
        storages.Map(tensor.storage()));
    return copy;
  }
  auto copy = at::detail::make_tensor<c10::TensorImpl>(
      storages.Map(tensor.storage()), c10::DispatchKeySet(KeyOf(device)),
      tensor.dtype());
  c10::TensorImpl* impl = copy.unsafeGetTensorImpl();
  impl->set_storage_offset(tensor.storage_offset());
  impl->set_sizes_and_strides(tensor.sizes(), tensor.strides());
  if (tensor.is_conj()) copy._set_conj(true);
  if (tensor.is_neg()) copy._set_neg(true);
  return copy;
}

c10::IValue CopyTree(const c10::IValue& value, StorageMap& storages) {
  return Copier(storages).Copy(value);
}

}  // namespace ferry
