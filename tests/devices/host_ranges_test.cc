// HostRanges: how a range of host memory falls into registered runs.

#include "server/devices/host_ranges.h"

#include <vector>

#include <gtest/gtest.h>

namespace ferry::host_ranges_test {
namespace {

class HostRangesTest : public testing::Test {
 protected:
  std::span<const std::byte> Part(size_t from, size_t to) const {
    return std::span(memory_).subspan(from, to - from);
  }
  void ExpectRun(size_t from, size_t to, uint64_t size_bytes, bool registered) {
    const HostRanges::Run run = ranges_.FirstRun(Part(from, to));
    EXPECT_EQ(run.size_bytes, size_bytes);
    EXPECT_EQ(run.registered, registered);
  }

  const std::vector<std::byte> memory_ = std::vector<std::byte>(1000);
  HostRanges ranges_;
};

TEST_F(HostRangesTest, HasNothingRegisteredAtFirst) {
  ExpectRun(0, 1000, 1000, false);
}

TEST_F(HostRangesTest, SplitsACopyAtBothEndsOfARange) {
  ranges_.Add(Part(100, 200));
  ExpectRun(0, 1000, 100, false);
  ExpectRun(100, 1000, 100, true);
  ExpectRun(150, 1000, 50, true);
  ExpectRun(150, 160, 10, true);
  ExpectRun(200, 1000, 800, false);
  ExpectRun(0, 50, 50, false);
}

TEST_F(HostRangesTest, SplitsACopyBetweenNeighbours) {
  ranges_.Add(Part(200, 300));
  ranges_.Add(Part(100, 200));
  ExpectRun(150, 300, 50, true);
  ExpectRun(200, 400, 100, true);
}

TEST_F(HostRangesTest, ForgetsTheRangesInsideOne) {
  ranges_.Add(Part(100, 200));
  ranges_.Add(Part(200, 300));
  ranges_.Add(Part(400, 500));
  const auto starts = ranges_.Remove(Part(100, 400));
  ASSERT_EQ(starts.size(), 2u);
  EXPECT_EQ(starts[0], &memory_[100]);
  EXPECT_EQ(starts[1], &memory_[200]);
  ExpectRun(100, 1000, 300, false);
  ExpectRun(400, 1000, 100, true);
  EXPECT_TRUE(ranges_.Remove(Part(0, 100)).empty());
}

using HostRangesDeathTest = HostRangesTest;

TEST_F(HostRangesDeathTest, RegisteringBytesTwiceIsABug) {
  ranges_.Add(Part(100, 200));
  EXPECT_DEATH(ranges_.Add(Part(100, 200)), "INVARIANT");
  EXPECT_DEATH(ranges_.Add(Part(50, 101)), "INVARIANT");
  EXPECT_DEATH(ranges_.Add(Part(199, 300)), "INVARIANT");
}

}  // namespace
}  // namespace ferry::host_ranges_test
