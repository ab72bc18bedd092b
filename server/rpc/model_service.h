// The ModelService answers ferry.v1.ModelService.
//
// Owns:     the end of all watches. The rooms outlive it, and it outlives its
//           calls.
// Threads:  thread-safe: gRPC calls it from any of its threads, and no method
//           blocks.
// Fails:    as model_service.proto says.
// Limits:   kWatchesMax watches at a time, of Rooms::watch_names_max models
//           each, or of all.

#ifndef SERVER_RPC_MODEL_SERVICE_H_
#define SERVER_RPC_MODEL_SERVICE_H_

#include <atomic>
#include <stop_token>

#include "ferry/v1/model_service.grpc.pb.h"

#include "server/devices/device_pool.h"
#include "server/registry/model_table.h"
#include "server/registry/mover.h"
#include "server/base/call_count.h"
#include "server/transfer/calibration.h"
#include "server/weights/weight_store.h"

namespace ferry {

// Every request comes as bytes, which are looked at before anything is built of
// them.
using RawModelService = v1::ModelService::WithRawCallbackMethod_LoadModel<
    v1::ModelService::WithRawCallbackMethod_UnloadModel<
        v1::ModelService::WithRawCallbackMethod_MigrateModel<
            v1::ModelService::WithRawCallbackMethod_GetModel<
                v1::ModelService::WithRawCallbackMethod_ListModels<
                    v1::ModelService::WithRawCallbackMethod_WatchModels<
                        v1::ModelService::WithRawCallbackMethod_ListDevices<
                            v1::ModelService::WithRawCallbackMethod_ListMoves<
                                v1::ModelService::Service>>>>>>>>;

class ModelService final : public RawModelService {
 public:
  static constexpr int kWatchesMax = 256;

  struct Rooms {
    Mover& mover;
    ModelTable& table;
    DevicePool& devices;
    WeightStore& weights;
    const Calibration& calibration;
    CallCount& calls;
    int watch_names_max;
  };
  explicit ModelService(const Rooms& rooms) : rooms_(rooms) {}

  // Ends every watch, and those to come, with UNAVAILABLE.
  void Drain() { drain_.request_stop(); }

  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Unary = grpc::ServerUnaryReactor;

  Unary* LoadModel(Context* context, const Bytes* request,
                   Bytes* response) override;
  Unary* UnloadModel(Context* context, const Bytes* request,
                     Bytes* response) override;
  Unary* MigrateModel(Context* context, const Bytes* request,
                      Bytes* response) override;
  Unary* GetModel(Context* context, const Bytes* request,
                  Bytes* response) override;
  Unary* ListModels(Context* context, const Bytes* request,
                    Bytes* response) override;
  grpc::ServerWriteReactor<Bytes>* WatchModels(Context* context,
                                               const Bytes* request) override;
  Unary* ListDevices(Context* context, const Bytes* request,
                     Bytes* response) override;
  Unary* ListMoves(Context* context, const Bytes* request,
                   Bytes* response) override;

 private:
  const Rooms rooms_;
  std::stop_source drain_;
  std::atomic<int> watches_{0};
};

}  // namespace ferry

#endif  // SERVER_RPC_MODEL_SERVICE_H_
