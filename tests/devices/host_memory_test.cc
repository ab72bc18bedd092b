// HostMemoryBytes over made-up /proc and /sys trees.

#include "server/devices/host_memory.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace ferry::host_memory_test {
namespace {

namespace fs = std::filesystem;

class HostMemoryTest : public testing::Test {
 protected:
  HostMemoryTest() {
    Write("proc/meminfo", "MemTotal:       1000 kB\nMemFree:  10 kB\n");
  }
  ~HostMemoryTest() override { fs::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }
  uint64_t Kibibytes() const { return HostMemoryBytes(root_) / 1024; }

  const fs::path root_ =
      fs::path(testing::TempDir()) /
      testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(HostMemoryTest, IsTheMachinesWithoutAGroup) {
  EXPECT_EQ(Kibibytes(), 1000u);
}

TEST_F(HostMemoryTest, IsTheGroupsWhenThatIsLower) {
  Write("proc/self/cgroup", "0::/pod/one\n");
  Write("sys/fs/cgroup/pod/one/memory.max", "204800\n");
  EXPECT_EQ(Kibibytes(), 200u);
}

TEST_F(HostMemoryTest, IsTheLowestOfTheGroupsAbove) {
  Write("proc/self/cgroup", "0::/pod/one\n");
  Write("sys/fs/cgroup/pod/one/memory.max", "max\n");
  Write("sys/fs/cgroup/pod/memory.max", "102400\n");
  EXPECT_EQ(Kibibytes(), 100u);
}

TEST_F(HostMemoryTest, FindsTheLimitInsideAContainer) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "307200\n");
  EXPECT_EQ(Kibibytes(), 300u);
}

TEST_F(HostMemoryTest, ReadsTheFirstHierarchyToo) {
  Write("proc/self/cgroup", "8:pids:/p\n4:cpu,memory:/box\n0::/\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  Write("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "409600\n");
  EXPECT_EQ(Kibibytes(), 400u);
}

TEST_F(HostMemoryTest, FindsTheFirstHierarchysLimitOfAPathNotSeenHere) {
  Write("proc/self/cgroup", "4:memory:/docker/0123abcd\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "512000\n");
  EXPECT_EQ(Kibibytes(), 500u);
}

TEST_F(HostMemoryTest, IsTheMachinesWhenTheLimitIsHigher) {
  Write("proc/self/cgroup", "0::/pod\n");
  Write("sys/fs/cgroup/pod/memory.max", "99999999999\n");
  EXPECT_EQ(Kibibytes(), 1000u);
}

TEST_F(HostMemoryTest, IsNothingWithoutMeminfo) {
  fs::remove(root_ / "proc/meminfo");
  EXPECT_EQ(HostMemoryBytes(root_), 0u);
}

TEST(HostMemoryHereTest, IsSomethingOnThisMachine) {
  EXPECT_GT(HostMemoryBytes(), uint64_t{64} << 20);
}

}  // namespace
}  // namespace ferry::host_memory_test
