// A Console is where ferryctl reads and writes: the process's own streams, or a
// test's.
//
// Threads:  one thread at a time.

#ifndef CLIENT_CTL_CONSOLE_H_
#define CLIENT_CTL_CONSOLE_H_

#include <istream>
#include <ostream>

namespace ferry::client {

struct Console {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  // Lines may be drawn over: `out` is a terminal of this many columns.
  bool out_is_terminal = false;
  int columns = 80;
};

}  // namespace ferry::client

#endif  // CLIENT_CTL_CONSOLE_H_
