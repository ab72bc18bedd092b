// AnswerAtOnce() ends a unary call that has nothing to wait for.
//
// Threads:  any; `context` is not used afterwards.

#ifndef SERVER_RPC_UNARY_ANSWER_H_
#define SERVER_RPC_UNARY_ANSWER_H_

#include <string_view>

#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"

#include "server/rpc/call_log.h"
#include "server/rpc/status_codec.h"

namespace ferry {

// Logs the call's end, as LogCallEnd does, and returns the reactor that the
// method is to return.
inline grpc::ServerUnaryReactor* AnswerAtOnce(
    std::string_view method, std::string_view model,
    grpc::CallbackServerContext& context, const absl::Status& status) {
  LogCallEnd(method, model, context, status);
  grpc::ServerUnaryReactor* reactor = context.DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

}  // namespace ferry

#endif  // SERVER_RPC_UNARY_ANSWER_H_
