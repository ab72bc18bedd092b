// RaiseFileLimit() lets this process have as many descriptors as it may.
//
// A connection is a descriptor, and a shell, systemd and Docker start a process
// with 1024 although it may have many more. gRPC as Debian 12 has it stops
// listening for good when there is none left for a new connection.
//
// Threads:  any.

#ifndef SERVER_BASE_FILE_LIMIT_H_
#define SERVER_BASE_FILE_LIMIT_H_

namespace ferry {

// Where the system refuses, the limit stays what it was.
void RaiseFileLimit();

}  // namespace ferry

#endif  // SERVER_BASE_FILE_LIMIT_H_
