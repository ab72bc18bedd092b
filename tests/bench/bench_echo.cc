// The bare server that ferryd's overhead is measured against: gRPC's callback
// API, the same libraries, the same messages, and nothing else. It answers each
// infer request with its first input, and what perf_analyzer asks before.
//
// Usage: bench_echo; prints its port, serves until standard input ends.

#include <cstdio>
#include <iostream>
#include <string>

#include <grpcpp/grpcpp.h>

#include "ferry/v1/inference_service.grpc.pb.h"
#include "inference/grpc_service.grpc.pb.h"

namespace {

class FerryEcho final : public ferry::v1::InferenceService::CallbackService {
  grpc::ServerUnaryReactor* Infer(grpc::CallbackServerContext* context,
                                  const ferry::v1::InferRequest* request,
                                  ferry::v1::InferResponse* response) override {
    response->set_model(request->model());
    response->set_version(1);
    response->set_device("cpu");
    auto* output = response->add_outputs();
    output->set_name("output");
    *output->mutable_value() = request->inputs(0).value();
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

constexpr int kFloats = 16;  // 64 bytes.

class KServeEcho final
    : public inference::GRPCInferenceService::CallbackService {
  static grpc::ServerUnaryReactor* Answered(
      grpc::CallbackServerContext* context) {
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* ServerMetadata(
      grpc::CallbackServerContext* context,
      const inference::ServerMetadataRequest*,
      inference::ServerMetadataResponse* response) override {
    response->set_name("echo");
    response->set_version(std::string("1"));
    return Answered(context);
  }
  grpc::ServerUnaryReactor* ModelMetadata(
      grpc::CallbackServerContext* context,
      const inference::ModelMetadataRequest* request,
      inference::ModelMetadataResponse* response) override {
    response->set_name(request->name());
    response->add_versions(std::string("1"));
    for (auto* tensor : {response->add_inputs(), response->add_outputs()}) {
      tensor->set_datatype("FP32");
      tensor->add_shape(-1);
      tensor->add_shape(kFloats);
    }
    response->mutable_inputs(0)->set_name("x");
    response->mutable_outputs(0)->set_name("output");
    return Answered(context);
  }
  grpc::ServerUnaryReactor* ModelConfig(
      grpc::CallbackServerContext* context,
      const inference::ModelConfigRequest* request,
      inference::ModelConfigResponse* response) override {
    auto& config = *response->mutable_config();
    config.set_name(request->name());
    auto& input = *config.add_input();
    input.set_name("x");
    input.set_data_type(inference::TYPE_FP32);
    input.add_dims(-1);
    input.add_dims(kFloats);
    auto& output = *config.add_output();
    output.set_name("output");
    output.set_data_type(inference::TYPE_FP32);
    output.add_dims(-1);
    output.add_dims(kFloats);
    return Answered(context);
  }
  grpc::ServerUnaryReactor* ModelInfer(
      grpc::CallbackServerContext* context,
      const inference::ModelInferRequest* request,
      inference::ModelInferResponse* response) override {
    response->set_model_name(request->model_name());
    response->set_model_version("1");
    auto* output = response->add_outputs();
    output->set_name("output");
    output->set_datatype(request->inputs(0).datatype());
    *output->mutable_shape() = request->inputs(0).shape();
    response->add_raw_output_contents(request->raw_input_contents(0));
    return Answered(context);
  }
};

}  // namespace

int main() {
  FerryEcho ferry_echo;
  KServeEcho kserve_echo;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port);
  builder.RegisterService(&ferry_echo);
  builder.RegisterService(&kserve_echo);
  const auto server = builder.BuildAndStart();
  std::printf("%d\n", port);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
  }
  server->Shutdown();
  return 0;
}
