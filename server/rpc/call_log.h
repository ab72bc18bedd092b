// LogCallEnd() writes the one line that an RPC which failed leaves behind.
//
// The rooms below return errors and do not log them; rpc/ logs them and does
// not return them further. A client that fails over and over fills no log: of
// its lines with the same method and code only some are written, and they say
// how many were left out.
//
// Threads:  any.
// Limits:   LogLimit's, for each peer (its ports taken together), method and
//           code.

#ifndef SERVER_RPC_CALL_LOG_H_
#define SERVER_RPC_CALL_LOG_H_

#include <string_view>

#include <grpcpp/server_context.h>

#include "absl/status/status.h"

namespace ferry {

// Nothing for OK. As an error where the server or a model's bytes are at fault,
// else as information. Call before Finish: `context` ends with it.
void LogCallEnd(std::string_view method, std::string_view model,
                const grpc::ServerContextBase& context,
                const absl::Status& status);

}  // namespace ferry

#endif  // SERVER_RPC_CALL_LOG_H_
