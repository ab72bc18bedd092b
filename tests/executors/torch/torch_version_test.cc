// The version that this was compiled for is the one it runs with.

#include "server/executors/torch/torch_version.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace ferry::torch_version_test {
namespace {

TEST(TorchVersionTest, IsThreeNumbers) {
  EXPECT_TRUE(LibTorchVersion().starts_with("2."));
  EXPECT_EQ(std::ranges::count(LibTorchVersion(), '.'), 2);
}

}  // namespace
}  // namespace ferry::torch_version_test
