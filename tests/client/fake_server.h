// A FakeServer answers ferry.v1 from plain state in this process: enough of a
// ferryd to test whoever talks to one.
//
// Every model echoes its inputs, except:
//   "slow"    Load and Infer answer only when the client goes away
//   "broken"  Infer fails with INTERNAL
//   "absent"  Load fails with NOT_FOUND
// It listens on a free port of 127.0.0.1.
//
// Owns:     the server and its threads.
// Threads:  thread-safe.

#ifndef TESTS_CLIENT_FAKE_SERVER_H_
#define TESTS_CLIENT_FAKE_SERVER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/base/thread_annotations.h"
#include "ferry/v1/inference_service.grpc.pb.h"
#include "ferry/v1/model_service.grpc.pb.h"

#include "server/base/mutex.h"

namespace ferry {

class FakeServer final : public v1::ModelService::Service,
                         public v1::InferenceService::Service {
 public:
  FakeServer();
  ~FakeServer() override;

  const std::string& address() const { return address_; }

  // Models that are there from the start.
  void Put(v1::Model model);

  // What WatchModels sends behind the snapshot; it then ends with OK, or, when
  // `stays`, waits for the client to go away.
  void SetChanges(std::vector<v1::WatchModelsResponse> changes, bool stays);

  void SetServing(bool serving);

  // Every request's text form, in order of arrival.
  std::vector<std::string> requests() const;

 private:
  using Context = grpc::ServerContext;

  grpc::Status LoadModel(Context* context, const v1::LoadModelRequest* request,
                         v1::LoadModelResponse* response) override;
  grpc::Status UnloadModel(Context* context,
                           const v1::UnloadModelRequest* request,
                           v1::UnloadModelResponse* response) override;
  grpc::Status MigrateModel(Context* context,
                            const v1::MigrateModelRequest* request,
                            v1::MigrateModelResponse* response) override;
  grpc::Status GetModel(Context* context, const v1::GetModelRequest* request,
                        v1::GetModelResponse* response) override;
  grpc::Status ListModels(Context* context,
                          const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status WatchModels(
      Context* context, const v1::WatchModelsRequest* request,
      grpc::ServerWriter<v1::WatchModelsResponse>* writer) override;
  grpc::Status ListDevices(Context* context,
                           const v1::ListDevicesRequest* request,
                           v1::ListDevicesResponse* response) override;
  grpc::Status ListMoves(Context* context, const v1::ListMovesRequest* request,
                         v1::ListMovesResponse* response) override;
  grpc::Status Infer(Context* context, const v1::InferRequest* request,
                     v1::InferResponse* response) override;

  void Note(const google::protobuf::Message& request);
  void AwaitClientLeaving(Context* context);
  // Puts the model onto the devices and writes the report.
  v1::MoveReport Move(const std::string& name,
                      const std::vector<std::string>& to)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  grpc::Status NotLoaded(const std::string& name) const;

  std::string address_;
  std::unique_ptr<grpc::Server> server_;

  mutable Mutex mutex_;
  std::map<std::string, v1::Model> models_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::MoveReport> moves_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchModelsResponse> changes_ ABSL_GUARDED_BY(mutex_);
  bool watch_stays_ ABSL_GUARDED_BY(mutex_) = true;
  std::vector<std::string> requests_ ABSL_GUARDED_BY(mutex_);
};

// A model "vad" of 2 MiB with x: Tensor [-1, 4] and an optional sr: int.
v1::Model FakeModel(const std::string& name);

}  // namespace ferry

#endif  // TESTS_CLIENT_FAKE_SERVER_H_
