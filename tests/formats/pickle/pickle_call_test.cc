// Calls with nothing in their tuple, or with something that is not a tuple: no
// callable but OrderedDict takes either. What each does accept is tried with
// whole pickles in pickle_check_test.cc.

#include "server/formats/pickle/pickle_call.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::pickle_call_test {
namespace {

using absl::StatusCode::kInvalidArgument;

constexpr uint32_t kRankMax = 8;

TEST(PickleCallTest, RefusesCallsWithoutArguments) {
  PickleHeap heap;
  heap.containers.emplace_back();
  const PickleValue empty = {.kind = PickleKind::kTuple, .number = 0};
  for (const PickleCallable callable :
       {PickleCallable::kRebuildTensor, PickleCallable::kRebuildQuantizedTensor,
        PickleCallable::kRestoreTypeTag, PickleCallable::kBuildIntList,
        PickleCallable::kBuildTensorList, PickleCallable::kBuildDoubleList,
        PickleCallable::kBuildBoolList, PickleCallable::kComplex,
        PickleCallable::kDevice}) {
    EXPECT_THAT(CallPickle(heap, callable, empty, kRankMax),
                StatusIs(kInvalidArgument));
    EXPECT_THAT(CallPickle(heap, callable, PickleValue(), kRankMax),
                StatusIs(kInvalidArgument));
  }
  EXPECT_THAT(CallPickle(heap, PickleCallable::kOrderedDict, empty, kRankMax),
              IsOk());
  EXPECT_THAT(
      CallPickle(heap, PickleCallable::kOrderedDict, PickleValue(), kRankMax),
      StatusIs(kInvalidArgument));
}

}  // namespace
}  // namespace ferry::pickle_call_test
