// A KServeInferCall is one ModelInfer.
//
// Owns:     the request's message, and tensors that it did not hold ready-made.
// Threads:  as InferCall.

#ifndef SERVER_RPC_KSERVE_INFER_CALL_H_
#define SERVER_RPC_KSERVE_INFER_CALL_H_

#include <optional>
#include <utility>

#include <grpcpp/support/byte_buffer.h>

#include "inference/grpc_service.pb.h"

#include "server/rpc/infer_call.h"
#include "server/rpc/kserve_inputs.h"

namespace ferry {

class KServeInferCall final : public InferCall {
 public:
  KServeInferCall(const InferRooms& rooms, const MessageShape& shape,
                  InferSource source)
      : InferCall("ModelInfer", rooms, shape, std::move(source)) {}

 private:
  absl::StatusOr<int64_t> VersionOf(const WireScan& scan) const override;
  absl::Status DecodeRequest(grpc::ByteBuffer& bytes) override;
  absl::Status EncodeResponse(const InferAnswer& answer,
                              grpc::ByteBuffer& bytes) override;
  void Forget() override;

  std::optional<inference::ModelInferRequest> request_;
  KServeScratch scratch_;
};

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_INFER_CALL_H_
