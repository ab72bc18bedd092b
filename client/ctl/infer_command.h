// RunInfer() is `ferryctl infer`: inputs gathered, the model asked once or many
// times, outputs shown or written.
//
// Threads:  blocks.
// Fails:    as Client::Infer; INVALID_ARGUMENT for inputs that cannot be read;
//           of many requests, the first failure.

#ifndef CLIENT_CTL_INFER_COMMAND_H_
#define CLIENT_CTL_INFER_COMMAND_H_

#include <stop_token>

#include "absl/status/status.h"

#include "client/client.h"
#include "client/ctl/command_line.h"
#include "client/ctl/console.h"

namespace ferry::client {

absl::Status RunInfer(const CommandLine& line, Client& client, Console& console,
                      std::stop_token stop);

}  // namespace ferry::client

#endif  // CLIENT_CTL_INFER_COMMAND_H_
