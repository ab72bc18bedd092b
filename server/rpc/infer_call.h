// An InferCall is one infer RPC, of either protocol, from its arrival to its
// answer.
//
// It is at once gRPC's reactor and the scheduler's request: gRPC's thread
// decodes and submits, a lane's thread (or gRPC's, as the Scheduler decides)
// encodes and finishes, and no third one is needed. A protocol derives from it
// and says how to decode and encode.
//
// Owns:     itself: gRPC's OnDone, which comes after the handler has returned,
//           after Finish and after OnCancel, deletes it. So nothing may touch
//           it after Finish but gRPC.
// Threads:  Start on gRPC's, Done on a lane's (or inside Start or OnCancel);
//           OnCancel on any, beside either.
// Units:    bytes.
// Fails:    as ferry.v1.InferenceService.Infer says.

#ifndef SERVER_RPC_INFER_CALL_H_
#define SERVER_RPC_INFER_CALL_H_

#include <cstdint>
#include <string>
#include <string_view>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/registry/model_table.h"
#include "server/rpc/call_count.h"
#include "server/rpc/infer_counter.h"
#include "server/scheduling/infer_request.h"
#include "server/scheduling/scheduler.h"

namespace ferry {

// What infer calls need of the daemon; all of it outlives them.
struct InferRooms {
  Scheduler& scheduler;
  const ModelTable& table;
  InferCounter& counter;
  CallCount& calls;
  uint64_t answer_bytes_max;
};

class InferCall : public grpc::ServerUnaryReactor, public InferRequest {
 public:
  InferCall(const InferCall&) = delete;
  InferCall& operator=(const InferCall&) = delete;

  // From the method's handler, once, before it returns the call to gRPC.
  void Start();

 protected:
  // `method` is a literal. `context` lives until OnDone.
  InferCall(std::string_view method, const InferRooms& rooms,
            grpc::CallbackServerContext& context);
  ~InferCall() override = default;

  // Fills in `model`, `version` and `inputs`, and may bring `deadline` forward.
  virtual absl::Status Decode() = 0;
  // Writes the response.
  virtual absl::Status Encode(const InferAnswer& answer) = 0;

  uint64_t answer_bytes_max() const { return rooms_.answer_bytes_max; }

 private:
  void Done(const absl::StatusOr<InferAnswer>& answer) final;
  void OnCancel() final { rooms_.scheduler.Cancel(*this); }
  void OnDone() final { delete this; }
  // Both are so short that handing them to another thread, as gRPC does with
  // reactions of which it does not know, would cost more than a lane's whole
  // part in an empty call.
  bool InternalInlineable() final { return true; }
  void End(const absl::Status& status);

  const std::string_view method_;
  const InferRooms& rooms_;
  grpc::CallbackServerContext& context_;
  const CallCount::Call counted_;
};

}  // namespace ferry

#endif  // SERVER_RPC_INFER_CALL_H_
