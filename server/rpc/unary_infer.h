// A UnaryInfer is one infer RPC of one request and one answer: gRPC's reactor,
// which owns the InferCall of one protocol or the other.
//
// gRPC's thread decodes and submits, a lane's thread (or gRPC's, as the
// Scheduler decides) encodes and finishes, and no third one is needed.
//
// Owns:     itself: gRPC's OnDone, which comes after the handler has returned,
//           after Finish and after OnCancel, deletes it. So nothing may touch
//           it after Finish but gRPC.
// Threads:  Start on gRPC's; the call ends on a lane's, or inside Start or
//           OnCancel; OnCancel on any, beside either.

#ifndef SERVER_RPC_UNARY_INFER_H_
#define SERVER_RPC_UNARY_INFER_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"

#include "server/base/call_count.h"
#include "server/rpc/infer_call.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/wire_scan.h"

namespace ferry {

template <typename Call>
class UnaryInfer final : public grpc::ServerUnaryReactor {
 public:
  // `rooms` and `shape`, of the request's message, outlive the RPC; the rest
  // lives until OnDone.
  UnaryInfer(const InferRooms& rooms, const MessageShape& shape,
             const grpc::ServerContextBase& context, grpc::ByteBuffer& request,
             grpc::ByteBuffer& response)
      : counted_(rooms.calls),
        call_(rooms, shape,
              {.context = context,
               .request = request,
               .response = response,
               .ended = [this](const absl::Status& status) {
                 Finish(ToGrpc(status));
               }}) {}

  // From the method's handler, once, which then returns it to gRPC.
  grpc::ServerUnaryReactor* Start() {
    call_.Start();
    return this;
  }

 private:
  void OnCancel() final { call_.Leave(); }
  void OnDone() final { delete this; }
  // Both are so short that handing them to another thread, as gRPC does with
  // reactions of which it does not know, would cost more than a lane's whole
  // part in an empty call.
  bool InternalInlineable() final { return true; }

  // gRPC would also wait for streams that never end by themselves; those may be
  // cut off, an answer may not.
  const CallCount::Call counted_;
  Call call_;
};

}  // namespace ferry

#endif  // SERVER_RPC_UNARY_INFER_H_
