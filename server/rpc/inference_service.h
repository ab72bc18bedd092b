// The InferenceService answers ferry.v1.InferenceService.
//
// Threads:  thread-safe: gRPC calls it from any of its threads, and no method
//           blocks.

#ifndef SERVER_RPC_INFERENCE_SERVICE_H_
#define SERVER_RPC_INFERENCE_SERVICE_H_

#include "ferry/v1/inference_service.grpc.pb.h"

#include "server/rpc/infer_call.h"
#include "server/rpc/wire_scan.h"

namespace ferry {

// Requests come as bytes, which InferCall looks at before it builds anything.
class InferenceService final
    : public v1::InferenceService::WithRawCallbackMethod_Infer<
          v1::InferenceService::Service> {
 public:
  // `rooms` outlives the service.
  explicit InferenceService(const InferRooms& rooms)
      : rooms_(rooms), shape_(*v1::InferRequest::descriptor()) {}

  grpc::ServerUnaryReactor* Infer(grpc::CallbackServerContext* context,
                                  const grpc::ByteBuffer* request,
                                  grpc::ByteBuffer* response) override;

 private:
  const InferRooms& rooms_;
  const MessageShape shape_;
};

}  // namespace ferry

#endif  // SERVER_RPC_INFERENCE_SERVICE_H_
