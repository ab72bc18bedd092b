// The limit of this process, lowered before and set back behind.

#include "server/base/file_limit.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

namespace ferry::file_limit_test {
namespace {

TEST(FileLimitTest, IsRaisedToWhatTheProcessMayHave) {
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low = {.rlim_cur = 64, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(FileLimit(), 64);
  RaiseFileLimit();
  rlimit after = {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace ferry::file_limit_test
