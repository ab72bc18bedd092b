// The InferenceService answers ferry.v1.InferenceService.
//
// Threads:  thread-safe: gRPC calls it from any of its threads, and no method
//           blocks.

#ifndef SERVER_RPC_INFERENCE_SERVICE_H_
#define SERVER_RPC_INFERENCE_SERVICE_H_

#include "ferry/v1/inference_service.grpc.pb.h"

#include "server/rpc/infer_call.h"

namespace ferry {

class InferenceService final : public v1::InferenceService::CallbackService {
 public:
  // `rooms` outlives the service.
  explicit InferenceService(const InferRooms& rooms) : rooms_(rooms) {}

  grpc::ServerUnaryReactor* Infer(grpc::CallbackServerContext* context,
                                  const v1::InferRequest* request,
                                  v1::InferResponse* response) override;

 private:
  const InferRooms& rooms_;
};

}  // namespace ferry

#endif  // SERVER_RPC_INFERENCE_SERVICE_H_
