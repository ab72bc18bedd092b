// Tensors over a storage of six elements, drawn on the heap directly. Whole
// pickles with tensors are in pickle_check_test.cc.

#include "server/formats/pickle/pickle_tensor.h"

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::pickle_tensor_test {
namespace {

using absl::StatusCode::kInvalidArgument;

constexpr uint32_t kRankMax = 4;

PickleValue Int(int64_t number) {
  return {.kind = PickleKind::kInt, .number = number};
}

PickleValue Tuple(PickleHeap& heap, const std::vector<PickleValue>& items) {
  heap.containers.push_back(
      {.items_begin = heap.items.size(), .items_count = items.size()});
  heap.items.insert(heap.items.end(), items.begin(), items.end());
  return {.kind = PickleKind::kTuple,
          .number = static_cast<int64_t>(heap.containers.size() - 1)};
}

absl::StatusOr<PickleTensor> Check(const std::vector<int64_t>& sizes,
                                   const std::vector<int64_t>& strides) {
  PickleHeap heap;
  heap.storages.push_back({.size_bytes = 24, .element_size_bytes = 4});
  std::vector<PickleValue> numbers[2];
  for (const int64_t size : sizes) numbers[0].push_back(Int(size));
  for (const int64_t stride : strides) numbers[1].push_back(Int(stride));
  const PickleValue arguments =
      Tuple(heap, {{.kind = PickleKind::kStorage, .number = 0},
                   Int(0),
                   Tuple(heap, numbers[0]),
                   Tuple(heap, numbers[1]),
                   {.kind = PickleKind::kBool, .number = 0},
                   PickleValue()});
  return CheckPickleTensor(heap, arguments, /*quantized=*/false, kRankMax);
}

TEST(PickleTensorTest, TheLastElementHasToLieInTheStorage) {
  EXPECT_THAT(Check({6}, {1}), IsOk());
  EXPECT_THAT(Check({7}, {1}), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check({2}, {5}), IsOk());
  EXPECT_THAT(Check({2}, {6}), StatusIs(kInvalidArgument));
  EXPECT_THAT(Check({2, 2}, {4, 1}), IsOk());
  EXPECT_THAT(Check({2, 2}, {4, 2}), StatusIs(kInvalidArgument));
}

TEST(PickleTensorTest, RemembersTheSizes) {
  const auto tensor = Check({2, 3}, {3, 1});
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->sizes_count, 2);
}

TEST(PickleTensorTest, RefusesTooManyDimensions) {
  EXPECT_THAT(Check({1, 1, 1, 1}, {1, 1, 1, 1}), IsOk());
  EXPECT_THAT(Check({1, 1, 1, 1, 1}, {1, 1, 1, 1, 1}),
              StatusIs(kInvalidArgument));
}

}  // namespace
}  // namespace ferry::pickle_tensor_test
