#include "server/formats/pickle/pickle_check.h"

#include <map>
#include <span>

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/little_endian.h"
#include "server/formats/pickle/pickle_call.h"
#include "server/formats/pickle/pickle_global.h"
#include "server/formats/pickle/pickle_stack.h"
#include "server/formats/pickle/pickle_value.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

// The opcodes of LibTorch's unpickler, under their names there.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinUnicode = 'X',
  kEmptyList = ']',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kEmptyDict = '}',
  kAppends = 'e',
  kBinFloat = 'G',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
};

// Runs a pickle over kinds and sizes.
class PickleRun {
 public:
  PickleRun(std::string_view pickle, const StorageSize& storage_size,
            const PickleLimits& limits)
      : pickle_(pickle),
        storage_size_(storage_size),
        limits_(limits),
        stack_(limits) {}

  absl::Status Run() {
    if (pickle_.size() > limits_.size_max_bytes) {
      return Refusal("it has ", pickle_.size(), " bytes; at most ",
                     limits_.size_max_bytes, " are allowed");
    }
    if (pickle_.size() < 2 || static_cast<uint8_t>(pickle_[0]) != kProto ||
        pickle_[1] != 2) {
      return Refusal("it is not a pickle of protocol 2");
    }
    for (at_ = 2; !stopped_;) {
      const size_t begin = at_;
      const absl::Status status = Step();
      if (!status.ok()) {
        return absl::Status(status.code(), absl::StrCat("at byte ", begin, ": ",
                                                        status.message()));
      }
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Step() {
    ASSIGN_OR_RETURN(const uint64_t opcode, Number<uint8_t>());
    switch (opcode) {
      case kStop:
        return Stop();
      case kMark:
        return stack_.Mark();
      case kBinPut:
        return Put(Number<uint8_t>());
      case kLongBinPut:
        return Put(Number<uint32_t>());
      case kBinGet:
        return Get(Number<uint8_t>());
      case kLongBinGet:
        return Get(Number<uint32_t>());
      case kEmptyList:
        return stack_.PushContainer(PickleKind::kList);
      case kEmptyDict:
        return stack_.PushContainer(PickleKind::kDict);
      case kAppends:
      case kSetItems:
        return FillFromMark(opcode == kAppends ? PickleKind::kList
                                               : PickleKind::kDict);
      case kSetItem:
        return stack_.Fill(PickleKind::kDict, 2);
      case kList:
      case kDict:
        return MakeFromMark(opcode == kList ? PickleKind::kList
                                            : PickleKind::kDict);
      case kGlobal:
        return Global();
      case kNewObj:
        return NewObject();
      case kBuild:
      case kReduce:
        return Call();
      case kBinPersId:
        return Storage();
      default:
        return StepValue(opcode);
    }
  }

  absl::Status StepValue(uint64_t opcode) {
    switch (opcode) {
      case kNone:
        return stack_.Push({.kind = PickleKind::kNone});
      case kNewTrue:
      case kNewFalse:
        return stack_.Push(
            {.kind = PickleKind::kBool, .number = opcode == kNewTrue});
      case kBinInt1:
        return PushInt(Number<uint8_t>());
      case kBinInt2:
        return PushInt(Number<uint16_t>());
      case kBinInt: {
        ASSIGN_OR_RETURN(const uint64_t bits, Number<uint32_t>());
        return stack_.Push(
            {.kind = PickleKind::kInt, .number = static_cast<int32_t>(bits)});
      }
      case kLong1: {
        ASSIGN_OR_RETURN(const uint64_t size, Number<uint8_t>());
        if (size != 8) return Refusal("an integer of ", size, " bytes");
        return PushInt(Number<uint64_t>());
      }
      case kBinFloat:
        RETURN_IF_ERROR(Number<uint64_t>().status());
        return stack_.Push({.kind = PickleKind::kFloat});
      case kBinUnicode:
        return String();
      case kEmptyTuple:
        return stack_.MakeTuple(0);
      case kTuple1:
      case kTuple2:
      case kTuple3:
        return stack_.MakeTuple(opcode - kTuple1 + 1);
      case kTuple:
        return TupleFromMark();
      default:
        return Refusal("opcode ", opcode,
                       ", which torch.jit.save does not write");
    }
  }

  // Reading.

  template <typename T>
  absl::StatusOr<uint64_t> Number() {
    if (pickle_.size() - at_ < sizeof(T)) return Refusal("the pickle ends");
    const T number = LoadLittleEndian<T>(pickle_, at_);
    at_ += sizeof(T);
    return number;
  }

  absl::StatusOr<std::string_view> Line() {
    const size_t end = pickle_.find('\n', at_);
    if (end == pickle_.npos) return Refusal("a name without an end");
    const std::string_view line = pickle_.substr(at_, end - at_);
    at_ = end + 1;
    return line;
  }

  absl::Status PushInt(const absl::StatusOr<uint64_t>& number) {
    RETURN_IF_ERROR(number.status());
    return stack_.Push(
        {.kind = PickleKind::kInt, .number = static_cast<int64_t>(*number)});
  }

  absl::Status String() {
    ASSIGN_OR_RETURN(const uint64_t size, Number<uint32_t>());
    if (size > limits_.string_length_max || size > pickle_.size() - at_) {
      return Refusal("a text of ", size, " bytes; ", pickle_.size() - at_,
                     " are left, and at most ", limits_.string_length_max,
                     " are allowed");
    }
    const std::string_view text = pickle_.substr(at_, size);
    at_ += size;
    return stack_.PushString(text);
  }

  absl::Status Put(const absl::StatusOr<uint64_t>& index) {
    RETURN_IF_ERROR(index.status());
    return stack_.Put(*index);
  }
  absl::Status Get(const absl::StatusOr<uint64_t>& index) {
    RETURN_IF_ERROR(index.status());
    return stack_.Get(*index);
  }

  absl::Status TupleFromMark() {
    ASSIGN_OR_RETURN(const size_t count, stack_.PopMark());
    return stack_.MakeTuple(count);
  }
  absl::Status MakeFromMark(PickleKind kind) {
    ASSIGN_OR_RETURN(const size_t count, stack_.PopMark());
    return stack_.MakeFilled(kind, count);
  }
  absl::Status FillFromMark(PickleKind kind) {
    ASSIGN_OR_RETURN(const size_t count, stack_.PopMark());
    return stack_.Fill(kind, count);
  }

  // Names, calls, storages.

  absl::Status Global() {
    ASSIGN_OR_RETURN(const std::string_view module, Line());
    ASSIGN_OR_RETURN(const std::string_view name, Line());
    ASSIGN_OR_RETURN(const PickleValue value, FindPickleGlobal(module, name));
    return stack_.Push(value);
  }

  // Leaves the class on the stack, for the state that follows.
  absl::Status NewObject() {
    RETURN_IF_ERROR(stack_.Require(2));
    ASSIGN_OR_RETURN(const PickleValue arguments, stack_.Pop());
    const PickleValue& made = stack_.Top();
    if (arguments.kind != PickleKind::kTuple ||
        !stack_.heap().TupleItems(arguments).empty() ||
        made.kind != PickleKind::kCallable ||
        static_cast<PickleCallable>(made.number) != PickleCallable::kClass) {
      return Refusal("an object that is not made of a class and ()");
    }
    return absl::OkStatus();
  }

  absl::Status Call() {
    RETURN_IF_ERROR(stack_.Require(2));
    const PickleValue function = stack_.Top(1);
    if (function.kind != PickleKind::kCallable) {
      return Refusal("a call of something that is not a function or class");
    }
    const auto callable = static_cast<PickleCallable>(function.number);
    if (callable == PickleCallable::kClass) {
      RETURN_IF_ERROR(stack_.MakeObject());
    } else {
      ASSIGN_OR_RETURN(
          const PickleValue result,
          CallPickle(stack_.heap(), callable, stack_.Top(), limits_.rank_max));
      RETURN_IF_ERROR(stack_.Pop().status());
      RETURN_IF_ERROR(stack_.Push(result));
    }
    // The function goes from below its result.
    ASSIGN_OR_RETURN(const PickleValue result, stack_.Pop());
    RETURN_IF_ERROR(stack_.Pop().status());
    return stack_.Push(result);
  }

  // ("storage", element type, key, device, elements)
  absl::Status Storage() {
    ASSIGN_OR_RETURN(const PickleValue tuple, stack_.Pop());
    if (tuple.kind != PickleKind::kTuple) {
      return Refusal("a storage that is not described by a tuple");
    }
    PickleHeap& heap = stack_.heap();
    const std::span<const PickleValue> items = heap.TupleItems(tuple);
    if (items.size() != 5 || items[0].kind != PickleKind::kString ||
        heap.String(items[0]) != "storage" ||
        items[1].kind != PickleKind::kScalarType ||
        items[2].kind != PickleKind::kString ||
        items[3].kind != PickleKind::kString ||
        items[4].kind != PickleKind::kInt) {
      return Refusal(
          "a storage that is not described by 'storage', a type, a "
          "key, a device and a count");
    }
    const std::string_view key = heap.String(items[2]);
    const std::optional<uint64_t> record_size = storage_size_(key);
    const uint64_t element_size = static_cast<uint64_t>(items[1].number);
    if (items[4].number < 0 || static_cast<uint64_t>(items[4].number) >
                                   record_size.value_or(0) / element_size) {
      return Refusal("storage ", Shown(key), " of ", items[4].number,
                     " elements of ", element_size, " bytes; its record has ",
                     record_size.value_or(0), " bytes");
    }
    const PickleStorage storage = {
        .size_bytes = static_cast<uint64_t>(items[4].number) * element_size,
        .element_size_bytes = element_size};
    const auto [known, added] = storage_of_key_.emplace(key, storage);
    if (!added && known->second.size_bytes != storage.size_bytes) {
      return Refusal("storage ", Shown(key), " of ", storage.size_bytes,
                     " bytes, which before had ", known->second.size_bytes);
    }
    heap.storages.push_back(storage);
    return stack_.Push(
        {.kind = PickleKind::kStorage,
         .number = static_cast<int64_t>(heap.storages.size() - 1)});
  }

  absl::Status Stop() {
    RETURN_IF_ERROR(stack_.CheckDone());
    if (at_ != pickle_.size()) {
      return Refusal("it stops with ", pickle_.size() - at_, " bytes left");
    }
    stopped_ = true;
    return absl::OkStatus();
  }

  const std::string_view pickle_;
  const StorageSize& storage_size_;
  const PickleLimits limits_;
  size_t at_ = 0;
  bool stopped_ = false;
  PickleStack stack_;
  std::map<std::string_view, PickleStorage> storage_of_key_;
};

}  // namespace

absl::Status CheckPickle(std::string_view pickle,
                         const StorageSize& storage_size,
                         const PickleLimits& limits) {
  return PickleRun(pickle, storage_size, limits).Run();
}

}  // namespace ferry
