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

namespace ferry {

class KServeService final
    : public inference::GRPCInferenceService::CallbackService {
 public:
  // `version` is the server's.
  KServeService(const InferRooms& rooms, const std::atomic<bool>& ready,
                const std::atomic<bool>& draining, std::string version)
      : rooms_(rooms),
        ready_(ready),
        draining_(draining),
        version_(std::move(version)) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;
  using Stream = grpc::ServerBidiReactor<inference::ModelInferRequest,
                                         inference::ModelStreamInferResponse>;

  Unary* ServerLive(Context* context,
                    const inference::ServerLiveRequest* request,
                    inference::ServerLiveResponse* response) override;
  Unary* ServerReady(Context* context,
                     const inference::ServerReadyRequest* request,
                     inference::ServerReadyResponse* response) override;
  Unary* ModelReady(Context* context,
                    const inference::ModelReadyRequest* request,
                    inference::ModelReadyResponse* response) override;
  Unary* ServerMetadata(Context* context,
                        const inference::ServerMetadataRequest* request,
                        inference::ServerMetadataResponse* response) override;
  Unary* ModelMetadata(Context* context,
                       const inference::ModelMetadataRequest* request,
                       inference::ModelMetadataResponse* response) override;
  Unary* ModelConfig(Context* context,
                     const inference::ModelConfigRequest* request,
                     inference::ModelConfigResponse* response) override;
  Unary* ModelInfer(Context* context,
                    const inference::ModelInferRequest* request,
                    inference::ModelInferResponse* response) override;

  // Not served.
  Stream* ModelStreamInfer(Context* context) override;
  Unary* ModelStatistics(Context* context,
                         const inference::ModelStatisticsRequest* request,
                         inference::ModelStatisticsResponse* response) override;
  Unary* RepositoryIndex(Context* context,
                         const inference::RepositoryIndexRequest* request,
                         inference::RepositoryIndexResponse* response) override;
  Unary* RepositoryModelLoad(
      Context* context, const inference::RepositoryModelLoadRequest* request,
      inference::RepositoryModelLoadResponse* response) override;
  Unary* RepositoryModelUnload(
      Context* context, const inference::RepositoryModelUnloadRequest* request,
      inference::RepositoryModelUnloadResponse* response) override;
  Unary* SystemSharedMemoryStatus(
      Context* context,
      const inference::SystemSharedMemoryStatusRequest* request,
      inference::SystemSharedMemoryStatusResponse* response) override;
  Unary* SystemSharedMemoryRegister(
      Context* context,
      const inference::SystemSharedMemoryRegisterRequest* request,
      inference::SystemSharedMemoryRegisterResponse* response) override;
  Unary* SystemSharedMemoryUnregister(
      Context* context,
      const inference::SystemSharedMemoryUnregisterRequest* request,
      inference::SystemSharedMemoryUnregisterResponse* response) override;
  Unary* CudaSharedMemoryStatus(
      Context* context, const inference::CudaSharedMemoryStatusRequest* request,
      inference::CudaSharedMemoryStatusResponse* response) override;
  Unary* CudaSharedMemoryRegister(
      Context* context,
      const inference::CudaSharedMemoryRegisterRequest* request,
      inference::CudaSharedMemoryRegisterResponse* response) override;
  Unary* CudaSharedMemoryUnregister(
      Context* context,
      const inference::CudaSharedMemoryUnregisterRequest* request,
      inference::CudaSharedMemoryUnregisterResponse* response) override;
  Unary* TraceSetting(Context* context,
                      const inference::TraceSettingRequest* request,
                      inference::TraceSettingResponse* response) override;
  Unary* LogSettings(Context* context,
                     const inference::LogSettingsRequest* request,
                     inference::LogSettingsResponse* response) override;

 private:
  const InferRooms& rooms_;
  const std::atomic<bool>& ready_;
  const std::atomic<bool>& draining_;
  const std::string version_;
};

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_SERVICE_H_
