// RaiseFileLimit() lets this process have as many descriptors as it may.
//
// A connection is a descriptor, and a shell, systemd and Docker start a process
// with 1024 although it may have many more.
//
// Threads:  any.

#ifndef SERVER_BASE_FILE_LIMIT_H_
#define SERVER_BASE_FILE_LIMIT_H_

#include <cstdint>

namespace ferry {

// Where the system refuses, the limit stays what it was.
void RaiseFileLimit();

// How many it may have now.
int64_t FileLimit();

}  // namespace ferry

#endif  // SERVER_BASE_FILE_LIMIT_H_
