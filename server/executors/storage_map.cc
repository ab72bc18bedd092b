#include "server/executors/storage_map.h"

#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/TensorImpl.h>

#include "server/base/invariant.h"
#include "server/executors/torch_types.h"

namespace ferry {

namespace {

at::Tensor BytesOf(c10::Storage storage) {
  const auto size = static_cast<int64_t>(storage.nbytes());
  const c10::DispatchKeySet keys(KeyOf(storage.device()));
  auto tensor = at::detail::make_tensor<c10::TensorImpl>(
      std::move(storage), keys, caffe2::TypeMeta::Make<uint8_t>());
  tensor.unsafeGetTensorImpl()->set_sizes_contiguous({size});
  return tensor;
}

c10::Storage CopyOf(c10::Storage storage, c10::Device to) {
  const auto size = static_cast<int64_t>(storage.nbytes());
  const at::Tensor copy =
      at::empty({size}, at::TensorOptions().dtype(at::kByte).device(to));
  if (size > 0) copy.copy_(BytesOf(std::move(storage)));
  copy.storage().unsafeGetStorageImpl()->set_resizable(false);
  return copy.storage();
}

}  // namespace

c10::Device StorageMap::device() const {
  return ToTorchDevice(weights_.device().id());
}

c10::Storage StorageMap::Map(const c10::Storage& storage) {
  const c10::StorageImpl* key = storage.unsafeGetStorageImpl();
  if (const auto known = made_.find(key); known != made_.end()) {
    return known->second.second;
  }
  c10::Storage made = Make(storage);
  made_.emplace(key, std::pair(storage, made));
  return made;
}

c10::Storage StorageMap::Make(const c10::Storage& storage) {
  const auto offset = from_.OffsetOf(storage.data());
  if (!offset || storage.nbytes() == 0) return CopyOf(storage, device());
  INVARIANT(*offset <= weights_.size_bytes() &&
            storage.nbytes() <= weights_.size_bytes() - *offset);
  c10::Storage view(c10::Storage::use_byte_size_t(), storage.nbytes(),
                    c10::DataPtr(weights_.data() + *offset, device()),
                    /*allocator=*/nullptr, /*resizable=*/false);
  if (private_parts_.all || private_parts_.offsets_bytes.contains(*offset)) {
    return CopyOf(std::move(view), device());
  }
  return view;
}

}  // namespace ferry
