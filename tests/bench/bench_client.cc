// A load generator for both protocols, one process, no thread of its own per
// client: each answer starts the next request.
//
// Usage: bench_client ADDRESS ferry|kserve MODEL CLIENTS SECONDS
//                     [RATE [FACTOR [FLOATS]]]
//
// A request is x of shape [1, FLOATS], 16 when not said.
// Closed loop: CLIENTS requests are always under way. With RATE (requests per
// second, over all clients) it is an open loop: requests start on a schedule,
// whatever the server does, and latency counts from the schedule, so a stall is
// seen by everyone whom it would have kept waiting. With FACTOR every answer is
// checked: x * FACTOR + 1 (FACTOR 0: the input itself; "any": whatever it is).
//
// Prints one JSON object: requests, failed, wrong, seconds, rate, p50_us,
// p99_us, max_us.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "ferry/v1/inference_service.grpc.pb.h"
#include "inference/grpc_service.grpc.pb.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kChannels = 8;

struct Options {
  std::string address;
  bool kserve = false;
  std::string model;
  int clients = 1;
  double seconds = 1;
  double rate = 0;
  float factor = 0;
  bool any_answer = false;
  size_t floats = 16;  // 64 bytes.
};

// What all clients share.
struct Load {
  Options options;
  std::vector<float> input;
  Clock::time_point begin;
  Clock::time_point end;
  std::atomic<int64_t> scheduled{0};

  std::mutex mutex;
  std::condition_variable idle;
  int under_way = 0;
  int64_t failed = 0;
  int64_t wrong = 0;
  std::string first_error;
  std::vector<double> latencies_us;
};

bool RightAnswer(const Load& load, const std::string& bytes) {
  if (load.options.any_answer) return true;
  const size_t floats = load.input.size();
  if (bytes.size() != floats * sizeof(float)) return false;
  for (size_t i = 0; i < floats; ++i) {
    float output = 0;
    memcpy(&output, bytes.data() + i * sizeof output, sizeof output);
    const float factor = load.options.factor;
    const float expected =
        factor == 0 ? load.input[i] : load.input[i] * factor + 1;
    if (output != expected) return false;
  }
  return true;
}

struct FerryProtocol {
  using Stub = ferry::v1::InferenceService::Stub;
  using Request = ferry::v1::InferRequest;
  using Response = ferry::v1::InferResponse;

  static std::unique_ptr<Stub> NewStub(
      const std::shared_ptr<grpc::Channel>& channel) {
    return ferry::v1::InferenceService::NewStub(channel);
  }
  static void Fill(const Load& load, Request& request) {
    request.set_model(load.options.model);
    auto* input = request.add_inputs();
    input->set_name("x");
    auto* tensor = input->mutable_value()->mutable_tensor();
    tensor->set_dtype(ferry::v1::DATA_TYPE_FLOAT32);
    tensor->add_shape(1);
    tensor->add_shape(static_cast<int64_t>(load.input.size()));
    tensor->set_data(load.input.data(), load.input.size() * sizeof(float));
  }
  template <typename Done>
  static void Infer(Stub& stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub.async()->Infer(context, request, response, done);
  }
  static const std::string& Bytes(const Response& response) {
    return response.outputs(0).value().tensor().data();
  }
};

struct KServeProtocol {
  using Stub = inference::GRPCInferenceService::Stub;
  using Request = inference::ModelInferRequest;
  using Response = inference::ModelInferResponse;

  static std::unique_ptr<Stub> NewStub(
      const std::shared_ptr<grpc::Channel>& channel) {
    return inference::GRPCInferenceService::NewStub(channel);
  }
  static void Fill(const Load& load, Request& request) {
    request.set_model_name(load.options.model);
    auto* input = request.add_inputs();
    input->set_name("x");
    input->set_datatype("FP32");
    input->add_shape(1);
    input->add_shape(static_cast<int64_t>(load.input.size()));
    request.add_raw_input_contents(load.input.data(),
                                   load.input.size() * sizeof(float));
  }
  template <typename Done>
  static void Infer(Stub& stub, grpc::ClientContext* context,
                    const Request* request, Response* response, Done done) {
    stub.async()->ModelInfer(context, request, response, done);
  }
  static const std::string& Bytes(const Response& response) {
    return response.raw_output_contents(0);
  }
};

// One request at a time, for ever, until the load's end.
template <typename Protocol>
class Client {
 public:
  Client(Load& load, const std::shared_ptr<grpc::Channel>& channel)
      : load_(load), stub_(Protocol::NewStub(channel)) {
    Protocol::Fill(load_, request_);
  }

  // The closed loop; the open loop calls it once a scheduled request.
  void Start(Clock::time_point since) {
    since_ = since;
    context_ = std::make_unique<grpc::ClientContext>();
    response_.Clear();
    Protocol::Infer(*stub_, context_.get(), &request_, &response_,
                    [this](const grpc::Status& status) { End(status); });
  }

 private:
  void End(const grpc::Status& status) {
    const auto now = Clock::now();
    const bool right =
        status.ok() && RightAnswer(load_, Protocol::Bytes(response_));
    const double us =
        std::chrono::duration<double, std::micro>(now - since_).count();
    const std::unique_ptr<Client> over(load_.options.rate != 0 ? this
                                                               : nullptr);
    const bool again = over == nullptr && now < load_.end;
    {
      std::lock_guard lock(load_.mutex);
      load_.latencies_us.push_back(us);
      if (!status.ok()) {
        if (load_.failed++ == 0) load_.first_error = status.error_message();
      } else if (!right) {
        ++load_.wrong;
      }
      if (!again && --load_.under_way == 0) load_.idle.notify_all();
    }
    if (again) Start(now);  // Else Run() may have destroyed this object.
  }

  Load& load_;
  std::unique_ptr<typename Protocol::Stub> stub_;
  std::unique_ptr<grpc::ClientContext> context_;
  typename Protocol::Request request_;
  typename Protocol::Response response_;
  Clock::time_point since_;
};

template <typename Protocol>
void Run(Load& load) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < std::min(kChannels, load.options.clients); ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("bench.channel", i);  // A connection of its own.
    channels.push_back(grpc::CreateCustomChannel(
        load.options.address, grpc::InsecureChannelCredentials(), arguments));
    channels.back()->WaitForConnected(std::chrono::system_clock::now() +
                                      std::chrono::seconds(10));
  }
  const auto duration = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(load.options.seconds));
  load.begin = Clock::now();
  load.end = load.begin + duration;

  std::vector<std::unique_ptr<Client<Protocol>>> clients;
  if (load.options.rate == 0) {
    load.under_way = load.options.clients;
    for (int i = 0; i < load.options.clients; ++i) {
      clients.push_back(std::make_unique<Client<Protocol>>(
          load, channels[i % channels.size()]));
    }
    for (const auto& client : clients) client->Start(Clock::now());
  } else {
    const auto count =
        static_cast<int64_t>(load.options.rate * load.options.seconds);
    for (int64_t i = 0; i < count; ++i) {
      const auto at = load.begin +
                      std::chrono::duration_cast<Clock::duration>(
                          std::chrono::duration<double>(i / load.options.rate));
      std::this_thread::sleep_until(at);
      {
        std::lock_guard lock(load.mutex);
        ++load.under_way;
      }
      auto* client = new Client<Protocol>(load, channels[i % channels.size()]);
      client->Start(at);
    }
  }
  std::unique_lock lock(load.mutex);
  load.idle.wait(lock, [&] { return load.under_way == 0; });
  load.end = Clock::now();
}

void Print(Load& load) {
  auto& us = load.latencies_us;
  std::sort(us.begin(), us.end());
  const auto at = [&](double share) {
    return us.empty() ? 0.0 : us[static_cast<size_t>(share * (us.size() - 1))];
  };
  const double seconds =
      std::chrono::duration<double>(load.end - load.begin).count();
  std::printf(
      "{\"requests\":%zu,\"failed\":%lld,\"wrong\":%lld,\"seconds\":%.3f,"
      "\"rate\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n",
      us.size(), static_cast<long long>(load.failed),
      static_cast<long long>(load.wrong), seconds, us.size() / seconds,
      at(0.50), at(0.99), at(1.0));
  if (!load.first_error.empty()) {
    std::fprintf(stderr, "bench_client: %s\n", load.first_error.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fprintf(stderr,
                 "usage: bench_client ADDRESS ferry|kserve MODEL CLIENTS "
                 "SECONDS [RATE [FACTOR [FLOATS]]]\n");
    return 2;
  }
  const bool any_answer = argc > 7 && std::string(argv[7]) == "any";
  Load load;
  load.options = {.address = argv[1],
                  .kserve = std::string(argv[2]) == "kserve",
                  .model = argv[3],
                  .clients = std::atoi(argv[4]),
                  .seconds = std::atof(argv[5]),
                  .rate = argc > 6 ? std::atof(argv[6]) : 0,
                  .factor = argc > 7 && !any_answer ? std::stof(argv[7]) : 0,
                  .any_answer = any_answer,
                  .floats = argc > 8 ? std::stoul(argv[8]) : 16};
  for (size_t i = 0; i < load.options.floats; ++i) {
    load.input.push_back(0.25F * static_cast<float>(i % 16));
  }
  if (load.options.kserve) {
    Run<KServeProtocol>(load);
  } else {
    Run<FerryProtocol>(load);
  }
  Print(load);
  return load.failed == 0 && load.wrong == 0 ? 0 : 1;
}
