// The ModelService answers ferry.v1.ModelService.
//
// Owns:     the end of all watches. The rooms outlive it, and it outlives its
//           calls.
// Threads:  thread-safe: gRPC calls it from any of its threads, and no method
//           blocks.
// Fails:    as model_service.proto says.
// Limits:   kWatchesMax watches at a time.

#ifndef SERVER_RPC_MODEL_SERVICE_H_
#define SERVER_RPC_MODEL_SERVICE_H_

#include <atomic>
#include <stop_token>

#include "ferry/v1/model_service.grpc.pb.h"

#include "server/devices/device_pool.h"
#include "server/registry/model_table.h"
#include "server/registry/mover.h"
#include "server/rpc/call_count.h"
#include "server/transfer/calibration.h"
#include "server/weights/weight_store.h"

namespace ferry {

class ModelService final : public v1::ModelService::CallbackService {
 public:
  static constexpr int kWatchesMax = 256;

  struct Rooms {
    Mover& mover;
    ModelTable& table;
    DevicePool& devices;
    WeightStore& weights;
    const Calibration& calibration;
    CallCount& calls;
  };
  explicit ModelService(const Rooms& rooms) : rooms_(rooms) {}

  // Ends every watch, and those to come, with UNAVAILABLE.
  void Drain() { drain_.request_stop(); }

  grpc::ServerUnaryReactor* LoadModel(grpc::CallbackServerContext* context,
                                      const v1::LoadModelRequest* request,
                                      v1::LoadModelResponse* response) override;
  grpc::ServerUnaryReactor* UnloadModel(
      grpc::CallbackServerContext* context,
      const v1::UnloadModelRequest* request,
      v1::UnloadModelResponse* response) override;
  grpc::ServerUnaryReactor* MigrateModel(
      grpc::CallbackServerContext* context,
      const v1::MigrateModelRequest* request,
      v1::MigrateModelResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::GetModelResponse* response) override;
  grpc::ServerUnaryReactor* ListModels(
      grpc::CallbackServerContext* context,
      const v1::ListModelsRequest* request,
      v1::ListModelsResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchModelsResponse>* WatchModels(
      grpc::CallbackServerContext* context,
      const v1::WatchModelsRequest* request) override;
  grpc::ServerUnaryReactor* ListDevices(
      grpc::CallbackServerContext* context,
      const v1::ListDevicesRequest* request,
      v1::ListDevicesResponse* response) override;
  grpc::ServerUnaryReactor* ListMoves(grpc::CallbackServerContext* context,
                                      const v1::ListMovesRequest* request,
                                      v1::ListMovesResponse* response) override;

 private:
  const Rooms rooms_;
  std::stop_source drain_;
  std::atomic<int> watches_{0};
};

}  // namespace ferry

#endif  // SERVER_RPC_MODEL_SERVICE_H_
