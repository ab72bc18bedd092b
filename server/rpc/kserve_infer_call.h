// A KServeInferCall is one ModelInfer.
//
// Owns:     the request's message, and tensors that it did not hold ready-made;
//           itself, as every InferCall.
// Threads:  as InferCall.

#ifndef SERVER_RPC_KSERVE_INFER_CALL_H_
#define SERVER_RPC_KSERVE_INFER_CALL_H_

#include <optional>

#include <grpcpp/server_context.h>

#include "inference/grpc_service.pb.h"

#include "server/rpc/infer_call.h"
#include "server/rpc/kserve_inputs.h"

namespace ferry {

class KServeInferCall final : public InferCall {
 public:
  KServeInferCall(const InferRooms& rooms, grpc::CallbackServerContext& context,
                  const MessageShape& shape, InferBytes bytes)
      : InferCall("ModelInfer", rooms, context, shape, bytes) {}

 private:
  absl::StatusOr<int64_t> VersionOf(const WireScan& scan) const override;
  absl::Status Decode(grpc::ByteBuffer& bytes) override;
  absl::Status Encode(const InferAnswer& answer,
                      grpc::ByteBuffer& bytes) override;
  void Forget() override;

  std::optional<inference::ModelInferRequest> request_;
  KServeScratch scratch_;
};

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_INFER_CALL_H_
