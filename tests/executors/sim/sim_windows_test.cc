// Device tensors as CPU tensors and back.

#include "server/executors/sim/sim_windows.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "tests/executors/model_file.h"

namespace ferry::sim_windows_test {
namespace {

class SimWindowsTest : public ::testing::Test {
 protected:
  const c10::InferenceMode inference_;
  Devices devices_;
  const c10::Device sim0_{c10::kPrivateUse1, 0};
  SimWindows windows_;
};

TEST_F(SimWindowsTest, AWindowHasTheSameBytesSizesAndStrides) {
  const at::Tensor x = at::arange(6, at::kFloat).view({2, 3}).to(sim0_).t();
  const at::Tensor window = windows_.Open(x);
  EXPECT_TRUE(window.device().is_cpu());
  EXPECT_EQ(window.sizes(), x.sizes());
  EXPECT_EQ(window.strides(), x.strides());
  EXPECT_EQ(window[1][1].item<float>(), 4);
  EXPECT_TRUE(windows_.Open(x).is_same(window));
}

TEST_F(SimWindowsTest, TensorsThatShareAStorageStillDo) {
  const at::Tensor x = at::zeros({4}).to(sim0_);
  windows_.Open(x.slice(0, 1, 3)).fill_(5);
  EXPECT_EQ(windows_.Open(x).sum().item<float>(), 10);
}

TEST_F(SimWindowsTest, AResultIsTheArgumentAViewOfItOrACopy) {
  const at::Tensor x = at::arange(4, at::kFloat).to(sim0_);
  const at::Tensor window = windows_.Open(x);
  EXPECT_TRUE(windows_.Result(window, sim0_).is_same(x));
  const at::Tensor view = windows_.Result(window.slice(0, 2), sim0_);
  EXPECT_TRUE(view.is_alias_of(x));
  EXPECT_EQ(view.storage_offset(), 2);
  const at::Tensor fresh = windows_.Result(window + 1, sim0_);
  EXPECT_TRUE(fresh.device() == sim0_ && !fresh.is_alias_of(x));
  EXPECT_EQ(fresh.cpu()[3].item<float>(), 4);
}

TEST_F(SimWindowsTest, WhatAKernelResizedIsResizedOnTheDevice) {
  const at::Tensor x = at::zeros({1}).to(sim0_);
  windows_.Open(x).resize_({300}).fill_(2);
  windows_.WriteBack();
  EXPECT_EQ(x.sizes(), (std::vector<int64_t>{300}));
  EXPECT_EQ(x.cpu().sum().item<float>(), 600);
}

TEST_F(SimWindowsTest, ALeaseIsNeverResized) {
  const at::Tensor x = at::zeros({4}).to(sim0_);
  x.storage().unsafeGetStorageImpl()->set_resizable(false);
  EXPECT_THROW(windows_.Open(x).resize_({4000}), c10::Error);
  EXPECT_THROW(GrowSimStorage(*x.storage().unsafeGetStorageImpl(), 4096),
               c10::Error);
}

}  // namespace
}  // namespace ferry::sim_windows_test
