// A TestServer is a TestPool with a scheduler and an RpcServer on it, on a free
// loopback port, and a client's stubs.
//
// Owns:     all of it.
// Threads:  as its parts.
// Units:    bytes.

#ifndef TESTS_RPC_TEST_SERVER_H_
#define TESTS_RPC_TEST_SERVER_H_

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "ferry/v1/inference_service.grpc.pb.h"
#include "ferry/v1/model_service.grpc.pb.h"
#include "inference/grpc_service.grpc.pb.h"

#include "server/rpc/rpc_server.h"
#include "server/rpc/status_codec.h"
#include "server/scheduling/scheduler.h"
#include "tests/support/test_pool.h"

namespace ferry {

class TestServer {
 public:
  explicit TestServer(
      const std::string& devices = "cpu=64MiB,sim:0=16MiB,sim:1=16MiB",
      ModelTable::Options table = {}, RpcServer::Options options = {},
      ModelFormats formats = {})
      : pool(devices, table, {}, std::move(formats)),
        scheduler(std::make_unique<Scheduler>(pool.devices->devices(), 1,
                                              *pool.table)) {
    options.listen_address = "127.0.0.1:0";
    auto created = RpcServer::Create(options, rooms());
    if (!created.ok()) ADD_FAILURE() << created.status();
    server = *std::move(created);
    channel = NewChannel();
    models = v1::ModelService::NewStub(channel);
    inference = v1::InferenceService::NewStub(channel);
    kserve = inference::GRPCInferenceService::NewStub(channel);
  }

  // In the order in which a daemon stops.
  ~TestServer() {
    pool.mover->Drain(absl::InfiniteDuration());
    scheduler->Drain(absl::InfiniteDuration());
    server.reset();
    scheduler.reset();
    pool.table->Clear();
  }

  RpcServer::Rooms rooms() {
    return {.mover = *pool.mover,
            .table = *pool.table,
            .scheduler = *scheduler,
            .devices = *pool.devices,
            .weights = *pool.weights,
            .calibration = pool.calibration,
            .metrics = pool.metrics};
  }

  std::string address() const {
    return absl::StrCat("127.0.0.1:", server->port());
  }

  // A connection of its own.
  std::shared_ptr<grpc::Channel> NewChannel() const {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(
        address(), grpc::InsecureChannelCredentials(), arguments);
  }

  absl::StatusOr<v1::LoadModelResponse> Load(
      const std::string& name, const std::vector<std::string>& devices,
      const std::string& path = "") {
    grpc::ClientContext context;
    v1::LoadModelRequest request;
    request.set_name(name);
    request.set_path(path);
    request.mutable_devices()->Assign(devices.begin(), devices.end());
    v1::LoadModelResponse response;
    const absl::Status status =
        FromGrpc(models->LoadModel(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  absl::StatusOr<v1::InferResponse> Infer(const v1::InferRequest& request) {
    grpc::ClientContext context;
    v1::InferResponse response;
    const absl::Status status =
        FromGrpc(inference->Infer(&context, request, &response));
    if (!status.ok()) return status;
    return response;
  }

  // The end of a call whose request is these bytes, whatever they are.
  absl::Status CallWithBytes(const std::string& method,
                             const std::string& bytes) {
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::ClientContext context;
    std::promise<grpc::Status> ended;
    grpc::GenericStub(channel).UnaryCall(
        &context, method, {}, &request, &response,
        [&](grpc::Status status) { ended.set_value(std::move(status)); });
    return FromGrpc(ended.get_future().get());
  }

  TestPool pool;
  std::unique_ptr<Scheduler> scheduler;
  std::unique_ptr<RpcServer> server;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::ModelService::Stub> models;
  std::unique_ptr<v1::InferenceService::Stub> inference;
  std::unique_ptr<::inference::GRPCInferenceService::Stub> kserve;
};

// A request for forward(x) of a model with one float argument.
inline v1::InferRequest FloatRequest(const std::string& model, float x) {
  v1::InferRequest request;
  request.set_model(model);
  v1::NamedValue& input = *request.add_inputs();
  input.set_name("x");
  v1::Tensor& tensor = *input.mutable_value()->mutable_tensor();
  tensor.set_dtype(v1::DATA_TYPE_FLOAT32);
  tensor.add_shape(1);
  tensor.set_data(&x, sizeof x);
  return request;
}

}  // namespace ferry

#endif  // TESTS_RPC_TEST_SERVER_H_
