// A BlockCache over blocks that count themselves: what is kept, found again and
// given back.

#include "server/executors/torch/block_cache.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ferry::block_cache_test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::vector<uint64_t>& GoneBytes() {
  static std::vector<uint64_t> gone;
  return gone;
}

class BlockCacheTest : public ::testing::Test {
 protected:
  BlockCacheTest() {
    GoneBytes().clear();
    cache_.SetMax(16 * kMiB);
  }
  ~BlockCacheTest() override { cache_.SetMax(0); }
  // Nobody looks into them.
  void Put(uint64_t mebibytes) {
    cache_.Put(&memory_[next_++ % 8], mebibytes * kMiB);
  }

  BlockCache cache_{
      [](std::byte*, uint64_t size) { GoneBytes().push_back(size / kMiB); }};
  std::byte memory_[8];
  int next_ = 0;
};

TEST_F(BlockCacheTest, FindsABlockOfTheSizeAndTheYoungestFirst) {
  Put(4);
  Put(2);
  Put(4);
  EXPECT_EQ(cache_.Take(3 * kMiB), nullptr);
  EXPECT_EQ(cache_.Take(4 * kMiB), &memory_[2]);
  EXPECT_EQ(cache_.Take(4 * kMiB), &memory_[0]);
  EXPECT_EQ(cache_.Take(4 * kMiB), nullptr);
  EXPECT_EQ(cache_.kept_bytes(), 2 * kMiB);
  EXPECT_THAT(GoneBytes(), IsEmpty());
}

TEST_F(BlockCacheTest, TheOldestGoWhenThereIsNoRoom) {
  for (const uint64_t size : {5, 6, 4}) Put(size);
  EXPECT_THAT(GoneBytes(), IsEmpty());
  Put(7);
  EXPECT_THAT(GoneBytes(), ElementsAre(5, 6));
  EXPECT_EQ(cache_.kept_bytes(), 11 * kMiB);
}

TEST_F(BlockCacheTest, WhatASmallerLimitLeavesNoRoomForGoes) {
  for (const uint64_t size : {5, 6, 4}) Put(size);
  cache_.SetMax(10 * kMiB);
  EXPECT_THAT(GoneBytes(), ElementsAre(5));
  EXPECT_EQ(cache_.kept_bytes(), 10 * kMiB);
}

TEST_F(BlockCacheTest, ABlockLargerThanAllIsGivenBack) {
  Put(17);
  EXPECT_THAT(GoneBytes(), ElementsAre(17));
  EXPECT_EQ(cache_.kept_bytes(), 0u);
}

TEST_F(BlockCacheTest, DropsAsMuchAsIsAskedForAndSaysWhenThereIsNothing) {
  for (const uint64_t size : {2, 3, 4}) Put(size);
  EXPECT_TRUE(cache_.Drop(3 * kMiB));
  EXPECT_THAT(GoneBytes(), ElementsAre(2, 3));
  EXPECT_TRUE(cache_.Drop(1));
  EXPECT_FALSE(cache_.Drop(1));
}

TEST_F(BlockCacheTest, KeepsABoundedNumberOfBlocks) {
  cache_.SetMax(uint64_t{1} << 40);
  for (size_t i = 0; i < BlockCache::kBlocksMax + 3; ++i) Put(1);
  EXPECT_EQ(GoneBytes().size(), 3u);
}

TEST_F(BlockCacheTest, SizesMeetInEighths) {
  EXPECT_EQ(BlockCache::RoundUp(kMiB - 1), kMiB - 1);
  EXPECT_EQ(BlockCache::RoundUp(kMiB), kMiB);
  EXPECT_EQ(BlockCache::RoundUp(kMiB + 1), kMiB / 8 * 9);
  EXPECT_EQ(BlockCache::RoundUp(2 * kMiB - 1), 2 * kMiB);
  EXPECT_EQ(BlockCache::RoundUp(16 * kMiB + 64), 18 * kMiB);
  EXPECT_EQ(BlockCache::RoundUp(~uint64_t{0}), ~uint64_t{0});
}

}  // namespace
}  // namespace ferry::block_cache_test
