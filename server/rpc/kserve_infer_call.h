// A KServeInferCall is one ModelInfer.
//
// Owns:     tensors that the request did not hold ready-made; itself, as every
//           InferCall.
// Threads:  as InferCall.

#ifndef SERVER_RPC_KSERVE_INFER_CALL_H_
#define SERVER_RPC_KSERVE_INFER_CALL_H_

#include <grpcpp/server_context.h>

#include "inference/grpc_service.pb.h"

#include "server/rpc/infer_call.h"
#include "server/rpc/kserve_inputs.h"

namespace ferry {

class KServeInferCall final : public InferCall {
 public:
  // The messages live until OnDone.
  KServeInferCall(const InferRooms& rooms, grpc::CallbackServerContext& context,
                  const inference::ModelInferRequest& request,
                  inference::ModelInferResponse& response)
      : InferCall("ModelInfer", rooms, context),
        request_(request),
        response_(response) {}

 private:
  absl::Status Decode() override;
  absl::Status Encode(const InferAnswer& answer) override;

  const inference::ModelInferRequest& request_;
  inference::ModelInferResponse& response_;
  KServeScratch scratch_;
};

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_INFER_CALL_H_
