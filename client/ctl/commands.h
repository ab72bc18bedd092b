// RunCommand() does what a CommandLine asks, and prints the answer.
//
// Threads:  blocks.
// Fails:    with the server's code and sentence; UNAVAILABLE, saying where it
//           tried, when there is no server; CANCELLED by `stop`.

#ifndef CLIENT_CTL_COMMANDS_H_
#define CLIENT_CTL_COMMANDS_H_

#include <stop_token>

#include "absl/status/status.h"

#include "client/ctl/command_line.h"
#include "client/ctl/console.h"

namespace ferry::client {

absl::Status RunCommand(const CommandLine& line, Console& console,
                        std::stop_token stop);

}  // namespace ferry::client

#endif  // CLIENT_CTL_COMMANDS_H_
