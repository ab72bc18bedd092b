#include "server/formats/pickle/pickle_call.h"

#include <span>
#include <utility>

#include "server/base/status_macros.h"
#include "server/formats/pickle/pickle_tensor.h"
#include "server/formats/refusal.h"
#include "server/formats/source_check.h"

namespace ferry {
namespace {

absl::StatusOr<std::span<const PickleValue>> Arguments(
    const PickleHeap& heap, const PickleValue& argument, size_t count) {
  if (argument.kind != PickleKind::kTuple) {
    return Refusal("a call's argument is not a tuple");
  }
  const std::span<const PickleValue> items = heap.TupleItems(argument);
  if (items.size() != count) {
    return Refusal("a call with ", items.size(), " arguments; it takes ",
                   count);
  }
  return items;
}

absl::StatusOr<PickleValue> MakeTensor(PickleHeap& heap,
                                       const PickleValue& argument,
                                       bool quantized, uint32_t rank_max) {
  ASSIGN_OR_RETURN(const PickleTensor tensor,
                   CheckPickleTensor(heap, argument, quantized, rank_max));
  heap.tensors.push_back(tensor);
  return PickleValue{.kind = PickleKind::kTensor,
                     .number = static_cast<int64_t>(heap.tensors.size() - 1)};
}

// The list itself, all of whose items are of one kind.
absl::StatusOr<PickleValue> MakeTypedList(const PickleHeap& heap,
                                          const PickleValue& argument,
                                          PickleKind kind) {
  ASSIGN_OR_RETURN(const auto items, Arguments(heap, argument, 1));
  if (items[0].kind != PickleKind::kList) {
    return Refusal("a typed list is made of something else than a list");
  }
  if (heap.Container(items[0]).kinds & ~(1U << static_cast<int>(kind))) {
    return Refusal("a typed list has items of another type");
  }
  return items[0];
}

// LibTorch's type parser recurses over the text as its compiler does.
absl::StatusOr<PickleValue> RestoreTypeTag(const PickleHeap& heap,
                                           const PickleValue& argument) {
  ASSIGN_OR_RETURN(const auto items, Arguments(heap, argument, 2));
  if (items[1].kind != PickleKind::kString ||
      (items[0].kind != PickleKind::kList &&
       items[0].kind != PickleKind::kDict)) {
    return Refusal("a type is given to something that is not a list or dict");
  }
  constexpr SourceLimits kLimits = {.size_max_bytes = kTypeTextMax,
                                    .brackets_max = kTypeDepthMax,
                                    .blocks_max = 1,
                                    .chain_max = 2 * kTypeDepthMax,
                                    .references_max = kTypeTextMax};
  RETURN_IF_ERROR(CheckSource(heap.String(items[1]), kLimits).status());
  return items[0];
}

}  // namespace

absl::StatusOr<PickleValue> CallPickle(PickleHeap& heap,
                                       PickleCallable callable,
                                       const PickleValue& argument,
                                       uint32_t rank_max) {
  switch (callable) {
    case PickleCallable::kRebuildTensor:
      return MakeTensor(heap, argument, /*quantized=*/false, rank_max);
    case PickleCallable::kRebuildQuantizedTensor:
      return MakeTensor(heap, argument, /*quantized=*/true, rank_max);
    case PickleCallable::kRestoreTypeTag:
      return RestoreTypeTag(heap, argument);
    case PickleCallable::kBuildIntList:
      return MakeTypedList(heap, argument, PickleKind::kInt);
    case PickleCallable::kBuildTensorList:
      return MakeTypedList(heap, argument, PickleKind::kTensor);
    case PickleCallable::kBuildDoubleList:
      return MakeTypedList(heap, argument, PickleKind::kFloat);
    case PickleCallable::kBuildBoolList:
      return MakeTypedList(heap, argument, PickleKind::kBool);
    case PickleCallable::kComplex: {
      ASSIGN_OR_RETURN(const auto items, Arguments(heap, argument, 2));
      if (items[0].kind != PickleKind::kFloat ||
          items[1].kind != PickleKind::kFloat) {
        return Refusal(
            "a complex number is made of something else than two "
            "floats");
      }
      return PickleValue{.kind = PickleKind::kComplex};
    }
    case PickleCallable::kOrderedDict: {
      RETURN_IF_ERROR(Arguments(heap, argument, 0).status());
      return PickleValue{.kind = PickleKind::kNone};
    }
    case PickleCallable::kDevice: {
      ASSIGN_OR_RETURN(const auto items, Arguments(heap, argument, 1));
      if (items[0].kind != PickleKind::kString) {
        return Refusal("a device is made of something else than its name");
      }
      return PickleValue{.kind = PickleKind::kDevice};
    }
    case PickleCallable::kClass:
      return PickleValue{.kind = PickleKind::kObject};
  }
  return Refusal("a call of something unknown");
}

}  // namespace ferry
