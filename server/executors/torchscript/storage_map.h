// A StorageMap gives each storage of a module its counterpart on an Instance's
// device: once, however many tensors share it.
//
// A storage whose address lies in the image becomes a view of the lease at the
// same offset. One that the model writes to becomes a view of the Instance's
// state, which has a copy of its bytes, so that the lease stays as it was
// filled; one from elsewhere (made by the model's own code) is copied.
//
// Owns:     the counterparts made so far.
// Threads:  one thread at a time; call under InferenceMode.
// Units:    bytes.
// Fails:    throws what LibTorch throws when the device has no room.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_STORAGE_MAP_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_STORAGE_MAP_H_

#include <cstdint>
#include <map>
#include <unordered_map>

#include <c10/core/Storage.h>

#include "server/executors/torchscript/image_range.h"
#include "server/weights/weight_set.h"

namespace ferry {

// Where an Instance has its own copies of parts of the image: of storages that
// the model may write to.
struct StateLayout {
  std::map<uint64_t, uint64_t> offset_of_bytes;  // By the offset in the image.
  uint64_t size_bytes = 0;                       // Of them all.

  // Makes room for the storage at that offset, once.
  void Add(uint64_t image_offset_bytes, uint64_t storage_bytes);
};

class StorageMap {
 public:
  // Both outlive the map.
  StorageMap(const ImageRange& from, const WeightSet& weights)
      : from_(from), weights_(weights) {}

  // Storages of that layout are copied into `state`. Both outlive the map.
  void CopyWritten(const StateLayout& layout, const WeightSet& state);
  // Storages that lie in `former`, the state of another Instance, are copied
  // into `state`. Both outlive the map.
  void CopyState(const WeightSet& former, const WeightSet& state);

  c10::Device device() const;
  c10::Storage Map(const c10::Storage& storage);

 private:
  c10::Storage Make(const c10::Storage& storage);
  // The bytes of `storage` in the state, at that offset.
  c10::Storage InState(uint64_t offset_bytes, c10::Storage storage);

  const ImageRange& from_;
  const WeightSet& weights_;
  const StateLayout* layout_ = nullptr;
  const WeightSet* former_ = nullptr;
  const WeightSet* state_ = nullptr;
  // The key keeps its storage alive, so that no address comes twice.
  std::unordered_map<const c10::StorageImpl*,
                     std::pair<c10::Storage, c10::Storage>>
      made_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_STORAGE_MAP_H_
