// The bare server that ferryd's overhead is measured against: gRPC's callback
// API, the same libraries, the same messages, and nothing else. It answers each
// infer request with its first input.
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

class KServeEcho final
    : public inference::GRPCInferenceService::CallbackService {
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
    auto* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
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
