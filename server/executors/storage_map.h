// A StorageMap gives each storage of a module its counterpart on an Instance's
// device: once, however many tensors share it.
//
// A storage whose address lies in the image becomes a view of the lease at the
// same offset. One that the model writes to becomes a copy of its bytes there,
// so that the lease stays as it was filled; one from outside the image (made by
// the file's own code) is copied, too.
//
// Owns:     the counterparts made so far.
// Threads:  one thread at a time; call under InferenceMode.
// Units:    bytes.
// Fails:    throws what LibTorch throws when the device has no room.

#ifndef SERVER_EXECUTORS_STORAGE_MAP_H_
#define SERVER_EXECUTORS_STORAGE_MAP_H_

#include <cstdint>
#include <set>
#include <unordered_map>

#include <c10/core/Storage.h>

#include "server/executors/image_range.h"
#include "server/weights/weight_set.h"

namespace ferry {

// Which parts of the image an Instance must have copies of.
struct PrivateParts {
  bool all = false;
  std::set<uint64_t> offsets_bytes;  // Of storages in the image.
};

class StorageMap {
 public:
  // All outlive the map.
  StorageMap(const ImageRange& from, const WeightSet& weights,
             const PrivateParts& private_parts)
      : from_(from), weights_(weights), private_parts_(private_parts) {}

  c10::Device device() const;
  c10::Storage Map(const c10::Storage& storage);

 private:
  c10::Storage Make(const c10::Storage& storage);

  const ImageRange& from_;
  const WeightSet& weights_;
  const PrivateParts& private_parts_;
  // The key keeps its storage alive, so that no address comes twice.
  std::unordered_map<const c10::StorageImpl*,
                     std::pair<c10::Storage, c10::Storage>>
      made_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_STORAGE_MAP_H_
