// SimMemory: its two ranges, its window, and what touching its face does.

#include "server/devices/sim_memory.h"

#include <memory>

#include <gtest/gtest.h>

#include "tests/devices/touch.h"
#include "tests/support/status_matchers.h"

namespace ferry::sim_memory_test {
namespace {

using Range = SimMemory::Range;

class SimMemoryTest : public testing::Test {
 protected:
  static constexpr uint64_t kWeights = 4 << 20;
  static constexpr uint64_t kScratch = 1 << 20;

  const std::unique_ptr<SimMemory> memory_ =
      *SimMemory::Create("sim:0", kWeights, kScratch);
};

TEST_F(SimMemoryTest, ShowsTheBytesThroughTheWindow) {
  std::byte* const face = *memory_->Take(Range::kWeights, 8192);
  std::byte* const window = memory_->Window(face, 8192);
  window[8191] = std::byte{7};
  EXPECT_NE(window, face);
  EXPECT_EQ(memory_->Window(face + 8191)[0], std::byte{7});
  memory_->Give(Range::kWeights, face);
}

TEST_F(SimMemoryTest, KnowsItsOwnAddresses) {
  std::byte* const face = *memory_->Take(Range::kScratch, 1);
  const std::byte stranger{};
  EXPECT_TRUE(memory_->Holds(face));
  EXPECT_FALSE(memory_->Holds(&stranger));
  EXPECT_FALSE(memory_->Holds(nullptr));
  EXPECT_FALSE(memory_->Holds(memory_->Window(face)));
  memory_->Give(Range::kScratch, face);
}

TEST_F(SimMemoryTest, AlignsWeightsToPagesAndActivationsToGranules) {
  std::byte* const a = *memory_->Take(Range::kWeights, 1);
  std::byte* const b = *memory_->Take(Range::kWeights, 1);
  EXPECT_EQ(b - a, 4096);
  std::byte* const c = *memory_->Take(Range::kScratch, 1);
  std::byte* const d = *memory_->Take(Range::kScratch, 1);
  EXPECT_EQ(d - c, 512);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(c) % 512, 0u);
  memory_->Give(Range::kWeights, a);
  memory_->Give(Range::kWeights, b);
  memory_->Give(Range::kScratch, c);
  memory_->Give(Range::kScratch, d);
}

TEST_F(SimMemoryTest, CountsBothRangesApartAndExactly) {
  std::byte* const weights = *memory_->Take(Range::kWeights, 8192);
  std::byte* const first = *memory_->Take(Range::kScratch, 1);
  std::byte* const second = *memory_->Take(Range::kScratch, 513);
  SimMemory::Usage usage = memory_->usage();
  EXPECT_EQ(usage.weights.capacity_bytes, kWeights);
  EXPECT_EQ(usage.weights.used_bytes, 8192u);
  EXPECT_EQ(usage.weights.largest_gap_bytes, kWeights - 8192);
  EXPECT_EQ(usage.scratch.used_bytes, 3 * 512u);

  memory_->Give(Range::kScratch, first);
  memory_->Give(Range::kScratch, second);
  memory_->Give(Range::kWeights, weights);
  usage = memory_->usage();
  EXPECT_EQ(usage.weights.used_bytes, 0u);
  EXPECT_EQ(usage.scratch.used_bytes, 0u);
  EXPECT_EQ(usage.scratch.peak_bytes, 3 * 512u);
}

TEST_F(SimMemoryTest, RefusesActivationsWhileWeightsHaveRoom) {
  std::byte* const all = *memory_->Take(Range::kScratch, kScratch);
  const auto more = memory_->Take(Range::kScratch, 1);
  EXPECT_THAT(more, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(more.status().message()),
              testing::HasSubstr("activations"));
  memory_->Give(Range::kScratch, all);
}

TEST_F(SimMemoryTest, ShowsAUseAfterFree) {
  for (const Range range : {Range::kWeights, Range::kScratch}) {
    std::byte* const face = *memory_->Take(range, 600);
    std::byte* const window = memory_->Window(face);
    window[0] = window[599] = std::byte{7};
    memory_->Give(range, face);
    EXPECT_EQ(window[0], SimMemory::kPoison);
    EXPECT_EQ(window[599], SimMemory::kPoison);
  }
}

TEST_F(SimMemoryTest, GivesLargeFreedWeightsBackToTheKernel) {
  std::byte* const face = *memory_->Take(Range::kWeights, 2 << 20);
  std::byte* const window = memory_->Window(face);
  window[0] = std::byte{7};
  memory_->Give(Range::kWeights, face);
  EXPECT_EQ(window[0], std::byte{0});
}

TEST_F(SimMemoryTest, RefusesBudgetsBeyondTheAddressSpace) {
  EXPECT_THAT(SimMemory::Create("sim:0", uint64_t{1} << 50, 0),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(SimMemoryTest, WorksWithBudgetsThatAreNotWholePages) {
  const auto memory = *SimMemory::Create("sim:0", 100, 100);
  EXPECT_THAT(memory->Take(Range::kWeights, 101),
              StatusIs(absl::StatusCode::kResourceExhausted));
  std::byte* const weights = *memory->Take(Range::kWeights, 100);
  std::byte* const scratch = *memory->Take(Range::kScratch, 100);
  memory->Window(weights)[99] = memory->Window(scratch)[99] = std::byte{1};
  memory->Give(Range::kWeights, weights);
  memory->Give(Range::kScratch, scratch);
}

using SimMemoryDeathTest = SimMemoryTest;

TEST_F(SimMemoryDeathTest, TheHostDiesWhenItTouchesTheFace) {
  for (const Range range : {Range::kWeights, Range::kScratch}) {
    std::byte* const face = *memory_->Take(range, 4096);
    memory_->Window(face)[0] = std::byte{7};
    EXPECT_EXIT(ReadByte(face), DiedOfTouching, "");
    memory_->Give(range, face);
  }
}

TEST_F(SimMemoryDeathTest, AWindowOnOtherMemoryIsABug) {
  const std::byte stranger{};
  EXPECT_DEATH(memory_->Window(&stranger), "INVARIANT");
}

TEST_F(SimMemoryDeathTest, AWindowBeyondTheEndIsABug) {
  std::byte* const face = *memory_->Take(Range::kWeights, 1);
  EXPECT_DEATH(memory_->Window(face, kWeights + kScratch + 1), "INVARIANT");
  memory_->Give(Range::kWeights, face);
}

TEST_F(SimMemoryDeathTest, FreeingTwiceOrIntoTheWrongRangeIsABug) {
  std::byte* const face = *memory_->Take(Range::kScratch, 1);
  EXPECT_DEATH(memory_->Give(Range::kWeights, face), "INVARIANT");
  memory_->Give(Range::kScratch, face);
  EXPECT_DEATH(memory_->Give(Range::kScratch, face), "INVARIANT");
}

TEST_F(SimMemoryDeathTest, DyingWithMemoryOutIsABug) {
  EXPECT_DEATH(
      {
        auto memory = *SimMemory::Create("sim:0", 4096, 4096);
        (void)memory->Take(Range::kScratch, 1);
      },
      "INVARIANT");
}

}  // namespace
}  // namespace ferry::sim_memory_test
