#include "server/executors/torchscript/storage_map.h"

#include <utility>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/core/TensorImpl.h>

#include "server/base/invariant.h"
#include "server/executors/torch/torch_types.h"
#include "server/formats/image_layout.h"

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

c10::Storage ViewOf(const WeightSet& memory, uint64_t offset_bytes,
                    uint64_t size_bytes) {
  INVARIANT(offset_bytes <= memory.size_bytes() &&
            size_bytes <= memory.size_bytes() - offset_bytes);
  return {c10::Storage::use_byte_size_t(), size_bytes,
          c10::DataPtr(memory.data() + offset_bytes,
                       ToTorchDevice(memory.device().id())),
          /*allocator=*/nullptr, /*resizable=*/false};
}

}  // namespace

void StateLayout::Add(uint64_t image_offset_bytes, uint64_t storage_bytes) {
  constexpr uint64_t kAlign = kImageAlignmentBytes;
  const uint64_t at = (size_bytes + kAlign - 1) / kAlign * kAlign;
  if (storage_bytes == 0) return;
  if (offset_of_bytes.emplace(image_offset_bytes, at).second) {
    size_bytes = at + storage_bytes;
  }
}

void StorageMap::CopyWritten(const StateLayout& layout,
                             const WeightSet& state) {
  layout_ = &layout;
  state_ = &state;
}

void StorageMap::CopyState(const WeightSet& former, const WeightSet& state) {
  former_ = &former;
  state_ = &state;
}

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
  if (storage.nbytes() == 0) return CopyOf(storage, device());
  if (const auto offset = from_.OffsetOf(storage.data())) {
    c10::Storage view = ViewOf(weights_, *offset, storage.nbytes());
    if (layout_ == nullptr) return view;
    const auto written = layout_->offset_of_bytes.find(*offset);
    if (written == layout_->offset_of_bytes.end()) return view;
    return InState(written->second, std::move(view));
  }
  if (former_ != nullptr) {
    const ImageRange former =
        ImageRange::Over(former_->data(), former_->size_bytes());
    if (const auto offset = former.OffsetOf(storage.data())) {
      return InState(*offset, storage);
    }
  }
  return CopyOf(storage, device());
}

c10::Storage StorageMap::InState(uint64_t offset_bytes, c10::Storage storage) {
  c10::Storage copy = ViewOf(*state_, offset_bytes, storage.nbytes());
  BytesOf(copy).copy_(BytesOf(std::move(storage)));
  return copy;
}

}  // namespace ferry
