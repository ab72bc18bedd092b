#include "server/base/file_limit.h"

#include <algorithm>
#include <limits>

#include <sys/resource.h>

namespace ferry {

void RaiseFileLimit() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int64_t FileLimit() {
  constexpr auto kMax = std::numeric_limits<int64_t>::max();
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMax;
  return static_cast<int64_t>(
      std::min<uint64_t>(limit.rlim_cur, static_cast<uint64_t>(kMax)));
}

}  // namespace ferry
