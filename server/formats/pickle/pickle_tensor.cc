#include "server/formats/pickle/pickle_tensor.h"

#include <algorithm>
#include <span>

#include "server/base/status_macros.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

using Values = std::span<const PickleValue>;

// The number of elements of a one-dimensional tensor; -1 for any other value.
int64_t VectorLength(const PickleHeap& heap, const PickleValue& value) {
  if (value.kind != PickleKind::kTensor) return -1;
  const Values sizes = heap.TensorSizes(value);
  return sizes.size() == 1 ? sizes[0].number : -1;
}

absl::Status CheckNumbers(const PickleHeap& heap, const PickleValue& tuple,
                          std::string_view what) {
  if (tuple.kind != PickleKind::kTuple) {
    return Refusal("a tensor's ", what, " are not a tuple");
  }
  for (const PickleValue& item : heap.TupleItems(tuple)) {
    if (item.kind != PickleKind::kInt) {
      return Refusal("a tensor's ", what, " are not integers");
    }
    if (item.number < 0) {
      return Refusal("a tensor has ", item.number, " among its ", what);
    }
  }
  return absl::OkStatus();
}

// All elements, the last of which is furthest from the storage's begin.
absl::Status CheckBounds(const PickleStorage& storage, int64_t offset,
                         Values sizes, Values strides) {
  int64_t count = static_cast<int64_t>(storage.element_size_bytes);
  int64_t last = offset;
  bool empty = false;
  bool overflow = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i].number == 0) {
      empty = true;
      continue;
    }
    int64_t reach = 0;
    overflow |= __builtin_mul_overflow(count, sizes[i].number, &count);
    overflow |=
        __builtin_mul_overflow(sizes[i].number - 1, strides[i].number, &reach);
    overflow |= __builtin_add_overflow(last, reach, &last);
  }
  if (overflow) {
    return Refusal("a tensor's sizes and strides pass 2^63");
  }
  // Without elements nothing is reached, whatever the strides are.
  const uint64_t elements = storage.size_bytes / storage.element_size_bytes;
  const uint64_t end =
      empty ? static_cast<uint64_t>(offset) : static_cast<uint64_t>(last) + 1;
  if (end > elements) {
    return Refusal("a tensor reaches to element ", end, " of a storage of ",
                   elements);
  }
  return absl::OkStatus();
}

absl::Status CheckQuantization(const PickleHeap& heap,
                               const PickleValue& parameters, Values sizes) {
  if (parameters.kind != PickleKind::kTuple) {
    return Refusal("a quantised tensor's parameters are not a tuple");
  }
  const Values items = heap.TupleItems(parameters);
  if (items.empty() || items[0].kind != PickleKind::kQScheme) {
    return Refusal("a quantised tensor does not say how it is quantised");
  }
  switch (static_cast<PickleQScheme>(items[0].number)) {
    case PickleQScheme::kPerTensor:
      if (items.size() == 3 && items[1].kind == PickleKind::kFloat &&
          items[2].kind == PickleKind::kInt) {
        return absl::OkStatus();
      }
      return Refusal("a quantised tensor wants one scale and one zero point");
    case PickleQScheme::kPerChannel: {
      if (items.size() != 4 || items[3].kind != PickleKind::kInt ||
          items[3].number < 0 ||
          static_cast<size_t>(items[3].number) >= sizes.size()) {
        return Refusal("a quantised tensor's axis is not one of its ",
                       sizes.size(), " dimensions");
      }
      const int64_t channels =
          sizes[static_cast<size_t>(items[3].number)].number;
      if (VectorLength(heap, items[1]) == channels &&
          VectorLength(heap, items[2]) == channels) {
        return absl::OkStatus();
      }
      return Refusal("a quantised tensor wants ", channels,
                     " scales and as many zero points");
    }
    case PickleQScheme::kOther:
      break;
  }
  return Refusal("a tensor is quantised in a way that LibTorch cannot read");
}

}  // namespace

absl::StatusOr<PickleTensor> CheckPickleTensor(const PickleHeap& heap,
                                               const PickleValue& arguments,
                                               bool quantized,
                                               uint32_t rank_max) {
  if (arguments.kind != PickleKind::kTuple) {
    return Refusal("a tensor's arguments are not a tuple");
  }
  const Values items = heap.TupleItems(arguments);
  const size_t grad_at = quantized ? 5 : 4;
  if (items.size() < grad_at + 2 || items.size() > grad_at + 3) {
    return Refusal("a tensor with ", items.size(), " arguments");
  }
  if (items[0].kind != PickleKind::kStorage) {
    return Refusal("a tensor without a storage");
  }
  if (items[1].kind != PickleKind::kInt || items[1].number < 0) {
    return Refusal("a tensor's offset is not a number of 0 or more");
  }
  RETURN_IF_ERROR(CheckNumbers(heap, items[2], "sizes"));
  RETURN_IF_ERROR(CheckNumbers(heap, items[3], "strides"));
  const Values sizes = heap.TupleItems(items[2]);
  const Values strides = heap.TupleItems(items[3]);
  if (sizes.size() != strides.size() || sizes.size() > rank_max) {
    return Refusal("a tensor with ", sizes.size(), " sizes and ",
                   strides.size(), " strides; at most ", rank_max,
                   " of each are allowed, and as many of one as of the other");
  }
  RETURN_IF_ERROR(
      CheckBounds(heap.Storage(items[0]), items[1].number, sizes, strides));
  if (quantized) RETURN_IF_ERROR(CheckQuantization(heap, items[4], sizes));
  if (items[grad_at].kind != PickleKind::kBool) {
    return Refusal("a tensor's requires_grad is not a bool");
  }
  if (items.size() == grad_at + 3 &&
      items[grad_at + 2].kind != PickleKind::kDict) {
    return Refusal("a tensor's flags are not a dictionary");
  }
  const PickleContainer& tuple = heap.Container(items[2]);
  return PickleTensor{.sizes_begin = tuple.items_begin,
                      .sizes_count = tuple.items_count};
}

}  // namespace ferry
