// A PickleStack is the stack, marks and memo of a pickle that is being checked.
//
// It keeps the promises that LibTorch's unpickler takes for granted: no value
// is taken that is not there or that lies below a mark, no memo index is
// unknown, nothing is nested deeper than a recursion can follow, and no
// container ends up inside of itself.
//
// Owns:     the heap of what the pickle has built.
// Threads:  one thread at a time.
// Fails:    INVALID_ARGUMENT when one of these would be broken.
// Limits:   those of PickleLimits.

#ifndef SERVER_FORMATS_PICKLE_PICKLE_STACK_H_
#define SERVER_FORMATS_PICKLE_PICKLE_STACK_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/formats/pickle/pickle_check.h"
#include "server/formats/pickle/pickle_value.h"

namespace ferry {

class PickleStack {
 public:
  explicit PickleStack(const PickleLimits& limits) : limits_(limits) {}

  PickleHeap& heap() { return heap_; }

  absl::Status Push(PickleValue value);
  absl::Status PushString(std::string_view text);
  absl::StatusOr<PickleValue> Pop();
  // The value `depth` below the top; the caller has asked Require().
  const PickleValue& Top(size_t depth = 0) const {
    return stack_[stack_.size() - 1 - depth];
  }
  // That many values can be taken.
  absl::Status Require(size_t count) const;

  absl::Status Mark();
  // How many values there are above the last mark, which is taken away.
  absl::StatusOr<size_t> PopMark();

  // Remembers the top under that index; fetches what is there.
  absl::Status Put(uint64_t index);
  absl::Status Get(uint64_t index);

  // An empty list or dict.
  absl::Status PushContainer(PickleKind kind);
  // The last `count` values become a tuple; the items of a new list or dict;
  // the items of the list or dict below them.
  absl::Status MakeTuple(size_t count);
  absl::Status MakeFilled(PickleKind kind, size_t count);
  absl::Status Fill(PickleKind kind, size_t count);
  // The last value becomes the state of an object.
  absl::Status MakeObject();

  // One value is left, and no mark.
  absl::Status CheckDone() const;

 private:
  absl::Status TakeItems(PickleContainer& container, size_t count);

  const PickleLimits limits_;
  uint64_t values_ = 0;
  PickleHeap heap_;
  std::vector<PickleValue> stack_;
  std::vector<size_t> marks_;
  std::vector<PickleValue> memo_;
};

}  // namespace ferry

#endif  // SERVER_FORMATS_PICKLE_PICKLE_STACK_H_
