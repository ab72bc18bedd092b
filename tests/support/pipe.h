// A Pipe is both ends of a new pipe.
//
// Threads:  one thread at a time.

#ifndef TESTS_SUPPORT_PIPE_H_
#define TESTS_SUPPORT_PIPE_H_

#include <array>
#include <fcntl.h>
#include <unistd.h>

#include "server/base/invariant.h"
#include "server/base/unique_fd.h"

namespace ferry {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    INVARIANT(::pipe2(ends.data(), O_CLOEXEC) == 0);
    reader = UniqueFd(ends[0]);
    writer = UniqueFd(ends[1]);
  }

  UniqueFd reader;
  UniqueFd writer;
};

}  // namespace ferry

#endif  // TESTS_SUPPORT_PIPE_H_
