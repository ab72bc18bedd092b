// PollUntil with a pipe, and with a time that has come.

#include "server/base/poll_until.h"

#include <array>
#include <unistd.h>

#include <gtest/gtest.h>

#include "server/base/clock.h"
#include "server/base/unique_fd.h"

namespace ferry::poll_until_test {
namespace {

class PollUntilTest : public testing::Test {
 protected:
  PollUntilTest() {
    std::array<int, 2> ends;
    EXPECT_EQ(::pipe(ends.data()), 0);
    read_ = UniqueFd(ends[0]);
    write_ = UniqueFd(ends[1]);
  }

  UniqueFd read_;
  UniqueFd write_;
};

TEST_F(PollUntilTest, EndsWhenOneIsReady) {
  ASSERT_EQ(::write(write_.get(), "x", 1), 1);
  std::vector<pollfd> ready = {{read_.get(), POLLIN, 0}};
  PollUntil(absl::InfiniteDuration(), ready);
  EXPECT_EQ(ready[0].revents, POLLIN);
}

TEST_F(PollUntilTest, EndsAtItsTime) {
  std::vector<pollfd> ready = {{read_.get(), POLLIN, 0}};
  const absl::Duration until = MonotonicNow() + absl::Milliseconds(5);
  while (MonotonicNow() < until) PollUntil(until, ready);
  EXPECT_EQ(ready[0].revents, 0);
  PollUntil(until, ready);  // Does not wait at all.
}

}  // namespace
}  // namespace ferry::poll_until_test
