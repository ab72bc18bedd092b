// An InferCall is one request of a client, of either protocol, and its answer:
// from bytes to bytes, whichever RPC brings it. A unary RPC owns one; a stream
// would own one for each message.
//
// A protocol derives from it and says how to decode and encode. Nothing is
// built of a request before it is known what that takes, that its model is here
// and that there is room for it, in its model's queue and in all.
//
// Owns:     what was decoded, and its share of the budget.
// Threads:  one thread at a time, as InferRequest; Leave beside it.
// Units:    bytes.
// Fails:    as ferry.v1.InferenceService.Infer says.
// Limits:   InferRooms::request_bytes_max and budget.

#ifndef SERVER_RPC_INFER_CALL_H_
#define SERVER_RPC_INFER_CALL_H_

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/base/call_count.h"
#include "server/registry/model_table.h"
#include "server/rpc/byte_budget.h"
#include "server/rpc/wire_scan.h"
#include "server/scheduling/infer_request.h"
#include "server/scheduling/scheduler.h"

namespace ferry {

// What infer calls need of the daemon; all of it outlives them.
struct InferRooms {
  Scheduler& scheduler;
  ModelTable& table;
  CallCount& calls;
  ByteBudget& budget;
  uint64_t request_bytes_max;  // In memory, of one.
  uint64_t answer_bytes_max;
};

// What a call has of the RPC that brings it, for as long as it lives.
struct InferSource {
  const grpc::ServerContextBase& context;
  grpc::ByteBuffer& request;
  grpc::ByteBuffer& response;
  // Sends the response, or the status. The call may be destroyed in it.
  std::function<void(const absl::Status&)> ended;
};

class InferCall : public InferRequest {
 public:
  InferCall(const InferCall&) = delete;
  InferCall& operator=(const InferCall&) = delete;

  // Once; `ended` is called in it or later.
  void Start();

  // The client is gone.
  void Leave() { rooms_.scheduler.Cancel(*this); }

 protected:
  // `method` is a literal. `rooms` and `shape`, of the request's message,
  // outlive the call.
  InferCall(std::string_view method, const InferRooms& rooms,
            const MessageShape& shape, InferSource source);
  ~InferCall() override = default;

  // The version that is asked for; 0 for any.
  virtual absl::StatusOr<int64_t> VersionOf(const WireScan& scan) const = 0;
  // Parses `bytes` and fills in `inputs` and `outputs`; may bring `deadline`
  // forward.
  virtual absl::Status DecodeRequest(grpc::ByteBuffer& bytes) = 0;
  virtual absl::Status EncodeResponse(const InferAnswer& answer,
                                      grpc::ByteBuffer& bytes) = 0;
  // Frees what DecodeRequest made.
  virtual void Forget() = 0;

  // For DecodeRequest, before it makes what no scan could tell.
  absl::Status TakeMore(uint64_t size_bytes) {
    return share_.Set(share_.bytes() + size_bytes);
  }
  uint64_t answer_bytes_max() const { return rooms_.answer_bytes_max; }
  const std::string& model() const { return model_; }

 private:
  absl::Status Take();
  absl::Status Check() const;
  absl::Status Encode(const InferAnswer& answer) final;
  void Done(const absl::Status& status) final;
  void FreeRequest();

  const std::string_view method_;
  const InferRooms& rooms_;
  const MessageShape& shape_;
  const InferSource source_;
  std::string model_;  // As the client has it.
  ByteBudget::Share share_;
};

}  // namespace ferry

#endif  // SERVER_RPC_INFER_CALL_H_
