// PollUntil with a pipe, and with a time that has come.

#include "server/base/poll_until.h"

#include <unistd.h>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/clock.h"
#include "tests/support/pipe.h"

namespace ferry::poll_until_test {
namespace {

TEST(PollUntilTest, EndsWhenOneIsReady) {
  const Pipe pipe;
  ASSERT_EQ(::write(pipe.writer.get(), "x", 1), 1);
  std::vector<pollfd> ready = {{pipe.reader.get(), POLLIN, 0}};
  PollUntil(absl::InfiniteDuration(), ready);
  EXPECT_EQ(ready[0].revents, POLLIN);
}

TEST(PollUntilTest, EndsAtItsTime) {
  const Pipe pipe;
  std::vector<pollfd> ready = {{pipe.reader.get(), POLLIN, 0}};
  const absl::Duration until = MonotonicNow() + absl::Milliseconds(5);
  while (MonotonicNow() < until) PollUntil(until, ready);
  EXPECT_EQ(ready[0].revents, 0);
  PollUntil(until, ready);  // Does not wait at all.
}

}  // namespace
}  // namespace ferry::poll_until_test
