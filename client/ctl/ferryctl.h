// RunFerryctl() is the whole of ferryctl but its process.
//
// Threads:  blocks.

#ifndef CLIENT_CTL_FERRYCTL_H_
#define CLIENT_CTL_FERRYCTL_H_

#include <stop_token>

#include "client/ctl/console.h"

namespace ferry::client {

// EX_USAGE of sysexits.h; no gRPC code has this number.
inline constexpr int kExitUsage = 64;

// The exit status: 0, the number of the failure's gRPC code, or kExitUsage for
// a command line that cannot be read.
int RunFerryctl(int argc, const char* const* argv, Console& console,
                std::stop_token stop);

}  // namespace ferry::client

#endif  // CLIENT_CTL_FERRYCTL_H_
