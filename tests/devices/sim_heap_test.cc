// SimHeap: which offsets it deals out, and what it counts.

#include "server/devices/sim_heap.h"

#include <map>
#include <random>

#include <gtest/gtest.h>

namespace ferry::sim_heap_test {
namespace {

TEST(SimHeapTest, TakesTheLowestGapThatFits) {
  SimHeap heap(8 * 512, 512);
  EXPECT_EQ(heap.Take(1024), 0u);
  EXPECT_EQ(heap.Take(512), 1024u);
  heap.Give(0);
  EXPECT_EQ(heap.Take(1536), 1536u);  // The first gap is too small.
  EXPECT_EQ(heap.Take(512), 0u);
}

TEST(SimHeapTest, CountsWholeGranules) {
  SimHeap heap(8 * 512, 512);
  ASSERT_TRUE(heap.Take(1).has_value());
  ASSERT_TRUE(heap.Take(513).has_value());
  EXPECT_EQ(heap.usage().used_bytes, 3 * 512u);
}

TEST(SimHeapTest, RefusesWhenNoGapIsLargeEnough) {
  SimHeap heap(3 * 512, 512);
  ASSERT_EQ(heap.Take(512), 0u);
  ASSERT_EQ(heap.Take(512), 512u);
  ASSERT_EQ(heap.Take(512), 1024u);
  heap.Give(0);
  heap.Give(1024);
  EXPECT_EQ(heap.Take(1024), std::nullopt);  // Free, but in two pieces.
  EXPECT_EQ(heap.usage().largest_gap_bytes, 512u);
  EXPECT_EQ(heap.Take(UINT64_MAX), std::nullopt);
}

TEST(SimHeapTest, RemembersItsPeak) {
  SimHeap heap(8 * 512, 512);
  heap.Give(*heap.Take(4 * 512));
  ASSERT_TRUE(heap.Take(512).has_value());
  EXPECT_EQ(heap.usage().peak_bytes, 4 * 512u);
  EXPECT_EQ(heap.usage().used_bytes, 512u);
}

TEST(SimHeapTest, HasNothingToGiveWithoutCapacity) {
  SimHeap heap(0, 512);
  EXPECT_EQ(heap.Take(1), std::nullopt);
}

TEST(SimHeapDeathTest, GivingTwiceIsABug) {
  SimHeap heap(512, 512);
  heap.Give(*heap.Take(1));
  EXPECT_DEATH(heap.Give(0), "INVARIANT");
}

// Random takes and gives: blocks never overlap, the count is always right, and
// the heap is whole again in the end. The seed is fixed, so a failure repeats.
TEST(SimHeapTest, StaysConsistentUnderAnyOrder) {
  constexpr uint64_t kCapacity = 256 * 512;
  SimHeap heap(kCapacity, 512);
  std::mt19937 random(1);
  std::map<uint64_t, uint64_t> live;  // Offset to rounded size.
  uint64_t used_bytes = 0;
  for (int step = 0; step < 5000; ++step) {
    if (random() % 2 == 0 && !live.empty()) {
      const auto block = std::next(
          live.begin(), static_cast<ptrdiff_t>(random() % live.size()));
      EXPECT_EQ(heap.Give(block->first), block->second);
      used_bytes -= block->second;
      live.erase(block);
    } else if (const uint64_t size_bytes = 1 + random() % 8192;
               const auto offset = heap.Take(size_bytes)) {
      const uint64_t rounded = (size_bytes + 511) / 512 * 512;
      const auto [block, fresh] = live.emplace(*offset, rounded);
      ASSERT_TRUE(fresh);
      if (block != live.begin()) {
        const auto before = std::prev(block);
        ASSERT_LE(before->first + before->second, block->first);
      }
      if (const auto after = std::next(block); after != live.end()) {
        ASSERT_LE(block->first + block->second, after->first);
      }
      ASSERT_LE(*offset + rounded, kCapacity);
      used_bytes += rounded;
    }
    ASSERT_EQ(heap.usage().used_bytes, used_bytes);
  }
  for (const auto& [offset, size_bytes] : live) heap.Give(offset);
  EXPECT_TRUE(heap.empty());
  EXPECT_EQ(heap.usage().largest_gap_bytes, kCapacity);
}

}  // namespace
}  // namespace ferry::sim_heap_test
