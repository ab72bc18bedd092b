// PickleValues stand for what a pickle builds: its kinds and sizes, not bytes.
//
// CheckPickle() runs a pickle over these. A value is 16 bytes; what does not
// fit (containers, texts, tensors) lies in the PickleHeap and is named by its
// index there, so nothing is ever destroyed recursively.
//
// Owns:     a PickleHeap owns everything but the texts, which are views of the
//           pickle.
// Threads:  one thread at a time.
// Units:    bytes, or elements of a tensor.

#ifndef SERVER_FORMATS_PICKLE_PICKLE_VALUE_H_
#define SERVER_FORMATS_PICKLE_PICKLE_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ferry {

enum class PickleKind : uint8_t {
  kNone,
  kBool,
  kInt,
  kFloat,
  kComplex,
  kString,
  kDevice,
  kTuple,
  kList,
  kDict,
  kObject,
  kStorage,
  kTensor,
  kScalarType,  // The element type of a storage.
  kQScheme,
  kCallable,
};

// The functions that a pickle may name, and any class of the model's own code.
enum class PickleCallable : uint8_t {
  kRebuildTensor,
  kRebuildQuantizedTensor,
  kRestoreTypeTag,
  kBuildIntList,
  kBuildTensorList,
  kBuildDoubleList,
  kBuildBoolList,
  kComplex,
  kOrderedDict,
  kDevice,
  kClass,
};

enum class PickleQScheme : uint8_t { kPerTensor, kPerChannel, kOther };

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  // kBool, kInt: the value. kScalarType: the size of an element in bytes.
  // kQScheme, kCallable: which. Otherwise: the index in the heap.
  int64_t number = 0;
};

// A tuple, list, dictionary or object.
struct PickleContainer {
  // Containers in one another, this one included.
  uint32_t nesting = 1;
  // What a walk meets that does not remember what it has seen, itself included.
  uint64_t walk = 1;
  // One bit for each PickleKind among the items.
  uint32_t kinds = 0;
  // It is an item of something: what would still be put into it could be that.
  bool contained = false;
  // The items of a tuple; others do not keep theirs.
  size_t items_begin = 0;
  size_t items_count = 0;
};

struct PickleStorage {
  uint64_t size_bytes = 0;
  uint64_t element_size_bytes = 0;
};

struct PickleTensor {
  size_t sizes_begin = 0;  // Its size tuple, in `items`.
  size_t sizes_count = 0;
};

struct PickleHeap {
  std::vector<PickleContainer> containers;
  std::vector<PickleValue> items;
  std::vector<std::string_view> strings;
  std::vector<PickleStorage> storages;
  std::vector<PickleTensor> tensors;

  static bool IsContainer(const PickleValue& value) {
    return value.kind == PickleKind::kTuple ||
           value.kind == PickleKind::kList || value.kind == PickleKind::kDict ||
           value.kind == PickleKind::kObject;
  }
  // `value` is of the kind that each of these is for.
  PickleContainer& Container(const PickleValue& value) {
    return containers[static_cast<size_t>(value.number)];
  }
  const PickleContainer& Container(const PickleValue& value) const {
    return containers[static_cast<size_t>(value.number)];
  }
  std::string_view String(const PickleValue& value) const {
    return strings[static_cast<size_t>(value.number)];
  }
  const PickleStorage& Storage(const PickleValue& value) const {
    return storages[static_cast<size_t>(value.number)];
  }
  std::span<const PickleValue> TupleItems(const PickleValue& tuple) const {
    const PickleContainer& container = Container(tuple);
    return std::span(items).subspan(container.items_begin,
                                    container.items_count);
  }
  std::span<const PickleValue> TensorSizes(const PickleValue& tensor) const {
    const PickleTensor& found = tensors[static_cast<size_t>(tensor.number)];
    return std::span(items).subspan(found.sizes_begin, found.sizes_count);
  }
};

}  // namespace ferry

#endif  // SERVER_FORMATS_PICKLE_PICKLE_VALUE_H_
