// Batch sizes that fit their rows, and those that do not.

#include "server/executors/torch/packed_steps.h"

#include <vector>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

namespace ferry::packed_steps_test {
namespace {

const char* Fault(int64_t rows, const std::vector<int64_t>& sizes) {
  return PackedStepsFault(at::ones({rows, 2}), at::tensor(sizes, at::kLong));
}

TEST(PackedStepsTest, SizesThatNeverRiseFit) {
  EXPECT_EQ(Fault(1, {1}), nullptr);
  EXPECT_EQ(Fault(6, {3, 2, 1}), nullptr);
  EXPECT_EQ(Fault(6, {2, 2, 2}), nullptr);
  EXPECT_EQ(Fault(6, {6, 0}), nullptr);
  EXPECT_EQ(Fault(6, {3, 2}), nullptr);  // LibTorch leaves the rest out.
  EXPECT_EQ(
      PackedStepsFault(at::ones({6}), at::tensor({3, 9, 2, 9, 1, 9}, at::kLong)
                                          .slice(0, 0, std::nullopt, 2)),
      nullptr);
}

TEST(PackedStepsTest, AllOthersDoNot) {
  EXPECT_STREQ(Fault(6, {}), "there are no steps");
  EXPECT_STREQ(Fault(5, {2, 1, 2}), "batch sizes that rise");
  EXPECT_STREQ(Fault(2, {2, -1, 1}), "a batch size below zero");
  EXPECT_STREQ(Fault(5, {3, 3}), "batch sizes of more rows than there are");
  EXPECT_STREQ(Fault(6, {INT64_MAX, INT64_MAX}),
               "batch sizes of more rows than there are");
  EXPECT_STREQ(
      PackedStepsFault(at::ones({}), at::tensor({int64_t{1}}, at::kLong)),
      "batch sizes of more rows than there are");
}

TEST(PackedStepsTest, WhatIsNoListOfSizesIsLibTorchsToRefuse) {
  EXPECT_EQ(PackedStepsFault(at::ones({2}), at::ones({2})), nullptr);
  EXPECT_EQ(PackedStepsFault(at::ones({2}), at::ones({1, 1}, at::kLong)),
            nullptr);
  EXPECT_EQ(PackedStepsFault(at::ones({2}), at::Tensor()), nullptr);
}

}  // namespace
}  // namespace ferry::packed_steps_test
