// The KServeService answers inference.GRPCInferenceService, the Open Inference
// Protocol that tritonclient, perf_analyzer and KServe speak.
//
// It is a second face of the same scheduler and table. Methods that only manage
// a server answer UNIMPLEMENTED: ferry.v1.ModelService does that.
//
// Owns:     nothing; what it refers to outlives it.
// Threads:  thread-safe: gRPC calls it from any of its threads, and no method
//           blocks.
// Fails:    as grpc_service.proto says.

#ifndef SERVER_RPC_KSERVE_SERVICE_H_
#define SERVER_RPC_KSERVE_SERVICE_H_

#include <atomic>
#include <string>
#include <utility>

#include "inference/grpc_service.grpc.pb.h"

#include "server/registry/model_table.h"
#include "server/rpc/infer_call.h"
#include "server/rpc/wire_scan.h"

namespace ferry {

// Every request comes as bytes, which are looked at before anything is built of
// them; those of methods that are not served never are.
using RawKServe = inference::GRPCInferenceService::WithRawCallbackMethod_ServerLive<
    inference::GRPCInferenceService::WithRawCallbackMethod_ServerReady<inference::GRPCInferenceService::WithRawCallbackMethod_ModelReady<
        inference::GRPCInferenceService::WithRawCallbackMethod_ServerMetadata<inference::GRPCInferenceService::WithRawCallbackMethod_ModelMetadata<
            inference::GRPCInferenceService::WithRawCallbackMethod_ModelInfer<inference::GRPCInferenceService::WithRawCallbackMethod_ModelConfig<
                inference::GRPCInferenceService::WithRawCallbackMethod_ModelStatistics<
                    inference::GRPCInferenceService::WithRawCallbackMethod_RepositoryIndex<
                        inference::GRPCInferenceService::WithRawCallbackMethod_RepositoryModelLoad<
                            inference::GRPCInferenceService::WithRawCallbackMethod_RepositoryModelUnload<
                                inference::GRPCInferenceService::WithRawCallbackMethod_SystemSharedMemoryStatus<
                                    inference::GRPCInferenceService::WithRawCallbackMethod_SystemSharedMemoryRegister<
                                        inference::GRPCInferenceService::WithRawCallbackMethod_SystemSharedMemoryUnregister<
                                            inference::GRPCInferenceService::WithRawCallbackMethod_CudaSharedMemoryStatus<
                                                inference::GRPCInferenceService::WithRawCallbackMethod_CudaSharedMemoryRegister<
                                                    inference::GRPCInferenceService::WithRawCallbackMethod_CudaSharedMemoryUnregister<
                                                        inference::GRPCInferenceService::WithRawCallbackMethod_TraceSetting<
                                                            inference::GRPCInferenceService::WithRawCallbackMethod_LogSettings<
                                                                inference::GRPCInferenceService::WithRawCallbackMethod_ModelStreamInfer<
                                                                    inference::GRPCInferenceService::
                                                                        Service>>>>>>>>>>>>>>>>>>>>;

class KServeService final : public RawKServe {
 public:
  // `version` is the server's.
  KServeService(const InferRooms& rooms, const std::atomic<bool>& ready,
                const std::atomic<bool>& draining, std::string version)
      : rooms_(rooms),
        ready_(ready),
        draining_(draining),
        version_(std::move(version)),
        infer_shape_(*inference::ModelInferRequest::descriptor()) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  using Bytes = grpc::ByteBuffer;
  using Stream = grpc::ServerBidiReactor<Bytes, Bytes>;

  Unary* ServerLive(Context* context, const Bytes* request,
                    Bytes* response) override;
  Unary* ServerReady(Context* context, const Bytes* request,
                     Bytes* response) override;
  Unary* ModelReady(Context* context, const Bytes* request,
                    Bytes* response) override;
  Unary* ServerMetadata(Context* context, const Bytes* request,
                        Bytes* response) override;
  Unary* ModelMetadata(Context* context, const Bytes* request,
                       Bytes* response) override;
  Unary* ModelConfig(Context* context, const Bytes* request,
                     Bytes* response) override;
  Unary* ModelInfer(Context* context, const Bytes* request,
                    Bytes* response) override;

  // Not served.
  Stream* ModelStreamInfer(Context* context) override;
  Unary* ModelStatistics(Context* context, const Bytes* request,
                         Bytes* response) override;
  Unary* RepositoryIndex(Context* context, const Bytes* request,
                         Bytes* response) override;
  Unary* RepositoryModelLoad(Context* context, const Bytes* request,
                             Bytes* response) override;
  Unary* RepositoryModelUnload(Context* context, const Bytes* request,
                               Bytes* response) override;
  Unary* SystemSharedMemoryStatus(Context* context, const Bytes* request,
                                  Bytes* response) override;
  Unary* SystemSharedMemoryRegister(Context* context, const Bytes* request,
                                    Bytes* response) override;
  Unary* SystemSharedMemoryUnregister(Context* context, const Bytes* request,
                                      Bytes* response) override;
  Unary* CudaSharedMemoryStatus(Context* context, const Bytes* request,
                                Bytes* response) override;
  Unary* CudaSharedMemoryRegister(Context* context, const Bytes* request,
                                  Bytes* response) override;
  Unary* CudaSharedMemoryUnregister(Context* context, const Bytes* request,
                                    Bytes* response) override;
  Unary* TraceSetting(Context* context, const Bytes* request,
                      Bytes* response) override;
  Unary* LogSettings(Context* context, const Bytes* request,
                     Bytes* response) override;

 private:
  const InferRooms& rooms_;
  const std::atomic<bool>& ready_;
  const std::atomic<bool>& draining_;
  const std::string version_;
  const MessageShape infer_shape_;
};

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_SERVICE_H_
