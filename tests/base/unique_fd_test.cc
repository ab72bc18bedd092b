// Pipes tell whether a descriptor is open: fcntl() on a closed one fails.

#include "server/base/unique_fd.h"

#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/pipe.h"

namespace ferry::unique_fd_test {
namespace {

bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

class UniqueFdTest : public testing::Test {
 protected:
  Pipe pipe_;
  UniqueFd& one_ = pipe_.reader;
  UniqueFd& other_ = pipe_.writer;
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
