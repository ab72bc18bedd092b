// An InferCall is one infer RPC, of either protocol, from its arrival to its
// answer.
//
// It is at once gRPC's reactor and the scheduler's request: gRPC's thread
// decodes and submits, a lane's thread (or gRPC's, as the Scheduler decides)
// encodes and finishes, and no third one is needed. A protocol derives from it
// and says how to decode and encode.
//
// Nothing is built of a request before it is known what that takes, that its
// model is here and that there is room for it, in its model's queue and in all.
//
// Owns:     itself: gRPC's OnDone, which comes after the handler has returned,
//           after Finish and after OnCancel, deletes it. So nothing may touch
//           it after Finish but gRPC.
// Threads:  Start on gRPC's, Done on a lane's (or inside Start or OnCancel);
//           OnCancel on any, beside either.
// Units:    bytes.
// Fails:    as ferry.v1.InferenceService.Infer says.
// Limits:   InferRooms::request_bytes_max and budget.

#ifndef SERVER_RPC_INFER_CALL_H_
#define SERVER_RPC_INFER_CALL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/registry/model_table.h"
#include "server/rpc/byte_budget.h"
#include "server/rpc/call_count.h"
#include "server/rpc/infer_counter.h"
#include "server/rpc/wire_scan.h"
#include "server/scheduling/infer_request.h"
#include "server/scheduling/scheduler.h"

namespace ferry {

// What infer calls need of the daemon; all of it outlives them.
struct InferRooms {
  Scheduler& scheduler;
  ModelTable& table;
  InferCounter& counter;
  CallCount& calls;
  ByteBudget& budget;
  uint64_t request_bytes_max;  // In memory, of one.
  uint64_t answer_bytes_max;
};

// The two messages of a call, as gRPC has them until it ends.
struct InferBytes {
  grpc::ByteBuffer& request;
  grpc::ByteBuffer& response;
};

class InferCall : public grpc::ServerUnaryReactor, public InferRequest {
 public:
  InferCall(const InferCall&) = delete;
  InferCall& operator=(const InferCall&) = delete;

  // From the method's handler, once, before it returns the call to gRPC.
  void Start();

 protected:
  // `method` is a literal. `context` and `bytes` live until OnDone, `shape`,
  // of the request's message, longer.
  InferCall(std::string_view method, const InferRooms& rooms,
            grpc::CallbackServerContext& context, const MessageShape& shape,
            InferBytes bytes);
  ~InferCall() override = default;

  // The version that is asked for; 0 for any.
  virtual absl::StatusOr<int64_t> VersionOf(const WireScan& scan) const = 0;
  // Parses `bytes` and fills in `inputs` and `outputs`; may bring `deadline`
  // forward.
  virtual absl::Status Decode(grpc::ByteBuffer& bytes) = 0;
  // Writes the response.
  virtual absl::Status Encode(const InferAnswer& answer,
                              grpc::ByteBuffer& bytes) = 0;
  // Frees what Decode made.
  virtual void Forget() = 0;

  // For Decode, before it makes what no scan could tell.
  absl::Status TakeMore(uint64_t size_bytes) {
    return share_.Set(share_.bytes() + size_bytes);
  }
  uint64_t answer_bytes_max() const { return rooms_.answer_bytes_max; }

 private:
  void Done(const absl::StatusOr<InferAnswer>& answer) final;
  void OnCancel() final { rooms_.scheduler.Cancel(*this); }
  void OnDone() final { delete this; }
  // Both are so short that handing them to another thread, as gRPC does with
  // reactions of which it does not know, would cost more than a lane's whole
  // part in an empty call.
  bool InternalInlineable() final { return true; }
  absl::Status Take();
  void End(absl::Status status);

  const std::string_view method_;
  const InferRooms& rooms_;
  grpc::CallbackServerContext& context_;
  const MessageShape& shape_;
  const InferBytes bytes_;
  const CallCount::Call counted_;
  ByteBudget::Share share_;
};

}  // namespace ferry

#endif  // SERVER_RPC_INFER_CALL_H_
