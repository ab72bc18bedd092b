// Pipes tell whether a descriptor is open: fcntl() on a closed one fails.

#include "server/base/unique_fd.h"

#include <array>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

namespace ferry::unique_fd_test {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

class UniqueFdTest : public testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends;
    ASSERT_EQ(::pipe(ends.data()), 0);
    one_ = UniqueFd(ends[0]);
    other_ = UniqueFd(ends[1]);
  }

  UniqueFd one_;
  UniqueFd other_;
};

TEST_F(UniqueFdTest, ClosesWhenItDies) {
  const int fd = one_.get();
  { const UniqueFd taken = std::move(one_); }
  EXPECT_FALSE(IsOpen(fd));
  EXPECT_FALSE(one_);
}

TEST_F(UniqueFdTest, AssigningClosesTheOldOneAtOnce) {
  const int old = one_.get();
  const int kept = other_.get();
  one_ = std::move(other_);
  EXPECT_FALSE(IsOpen(old));
  EXPECT_EQ(one_.get(), kept);
  EXPECT_TRUE(IsOpen(kept));
}

TEST_F(UniqueFdTest, AReleasedOneStaysOpen) {
  const int fd = one_.Release();
  one_ = UniqueFd();
  EXPECT_TRUE(IsOpen(fd));
  ::close(fd);
}

}  // namespace
}  // namespace ferry::unique_fd_test
