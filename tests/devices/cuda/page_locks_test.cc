// PageLocks on a fake CUDA runtime, which stops the test when memory is
// unlocked that is not locked.

#include "server/devices/cuda/page_locks.h"

#include <atomic>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server/devices/pages.h"
#include "tests/devices/cuda/fake_cuda.h"

namespace ferry::page_locks_test {
namespace {

constexpr uint64_t kSize = 8192;

class PageLocksTest : public testing::Test {
 protected:
  PageLocksTest() { FakeCuda::Start({.page_lock_bytes_max = 2 * kSize}); }

  std::span<std::byte> Range(uint64_t index) const {
    return {pages_->data() + index * kSize, kSize};
  }

  const absl::StatusOr<Pages> pages_ =
      Pages::Map(3 * kSize, Pages::Access::kReadWrite);
  PageLocks locks_;
};

TEST_F(PageLocksTest, UnlocksARangeWithItsLastHolder) {
  ASSERT_EQ(locks_.Lock(Range(0)), cudaSuccess);
  ASSERT_EQ(locks_.Lock(Range(0)), cudaSuccess);
  EXPECT_EQ(FakeCuda::registered_ranges(), 1u);
  EXPECT_EQ(locks_.Unlock(Range(0).data()), cudaSuccess);
  EXPECT_EQ(FakeCuda::registered_ranges(), 1u);
  EXPECT_EQ(locks_.Unlock(Range(0).data()), cudaSuccess);
  EXPECT_EQ(FakeCuda::registered_ranges(), 0u);
}

TEST_F(PageLocksTest, ForgetsARangeThatCouldNotBeLocked) {
  ASSERT_EQ(locks_.Lock(Range(0)), cudaSuccess);
  ASSERT_EQ(locks_.Lock(Range(1)), cudaSuccess);
  EXPECT_EQ(locks_.Lock(Range(2)), cudaErrorMemoryAllocation);
  EXPECT_EQ(locks_.Unlock(Range(1).data()), cudaSuccess);
  EXPECT_EQ(locks_.Lock(Range(2)), cudaSuccess);
  EXPECT_EQ(locks_.Unlock(Range(2).data()), cudaSuccess);
  EXPECT_EQ(locks_.Unlock(Range(0).data()), cudaSuccess);
}

TEST_F(PageLocksTest, KeepsARangeLockedForWhoeverHoldsIt) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int round = 0; round < 1000; ++round) {
        wrong += locks_.Lock(Range(0)) != cudaSuccess;
        wrong += FakeCuda::registered_ranges() != 1;
        wrong += locks_.Unlock(Range(0).data()) != cudaSuccess;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(FakeCuda::registered_ranges(), 0u);
}

using PageLocksDeathTest = PageLocksTest;

TEST_F(PageLocksDeathTest, UnlockingWhatIsNotLockedIsABug) {
  EXPECT_DEATH((void)locks_.Unlock(Range(0).data()), "INVARIANT");
}

}  // namespace
}  // namespace ferry::page_locks_test
