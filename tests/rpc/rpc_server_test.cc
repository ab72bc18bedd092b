// RpcServer: listening and being refused, health and reflection as clients see
// them, and shutting down with calls under way.

#include "server/rpc/rpc_server.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/rpc/test_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::rpc_server_test {
namespace {

using testing::HasSubstr;

// Health and reflection are gRPC's own: their messages are written by hand, for
// there are no headers of them.
class RawStream {
 public:
  RawStream(const std::shared_ptr<grpc::Channel>& channel,
            const std::string& method)
      : stub_(channel), call_(stub_.PrepareCall(&context_, method, &queue_)) {
    call_->StartCall(nullptr);
    EXPECT_TRUE(Wait());
  }
  ~RawStream() {
    context_.TryCancel();
    (void)Finish();
    queue_.Shutdown();
  }

  void Write(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    call_->Write(grpc::ByteBuffer(&slice, 1), nullptr);
    EXPECT_TRUE(Wait());
  }

  // The next message; empty at the end.
  std::string Read() {
    grpc::ByteBuffer buffer;
    call_->Read(&buffer, nullptr);
    if (!Wait()) return "";
    grpc::Slice slice;
    EXPECT_TRUE(buffer.DumpToSingleSlice(&slice).ok());
    return {reinterpret_cast<const char*>(slice.begin()), slice.size()};
  }

  absl::Status Finish() {
    if (finished_) return absl::OkStatus();
    finished_ = true;
    grpc::Status status;
    call_->Finish(&status, nullptr);
    Wait();
    return FromGrpc(status);
  }

 private:
  bool Wait() {
    void* tag = nullptr;
    bool ok = false;
    return queue_.Next(&tag, &ok) && ok;
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  bool finished_ = false;
};

// grpc.health.v1: HealthCheckRequest{1: service}, HealthCheckResponse{1:
// status}, of which 1 is SERVING and 2 NOT_SERVING.
std::string HealthRequest(const std::string& service) {
  return std::string("\x0A") + static_cast<char>(service.size()) + service;
}
const char kServing[] = "\x08\x01";
const char kNotServing[] = "\x08\x02";

std::string Health(const TestServer& server, const std::string& service) {
  RawStream check(server.channel, "/grpc.health.v1.Health/Check");
  check.Write(HealthRequest(service));
  return check.Read();
}

absl::Status CreateError(TestServer& server, RpcServer::Options options) {
  return RpcServer::Create(options, server.rooms()).status();
}

TEST(RpcServerTest, SaysThatAPortIsInUse) {
  TestServer server;
  testing::internal::CaptureStderr();
  const absl::Status status =
      CreateError(server, {.listen_address = server.address()});
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(status.message(),
            "listen on \"" + server.address() +
                "\": another process listens there; stop it, or choose another "
                "port (0 is any free one)");
  EXPECT_EQ(log, "");  // The status says it all.
}

TEST(RpcServerTest, SaysThatAnAddressIsNotOne) {
  TestServer server;
  for (const char* address :
       {"", "nonsense", "127.0.0.1:port", "1.2.3.4.5:1", "127.0.0.1:99999"}) {
    const absl::Status status =
        CreateError(server, {.listen_address = address});
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument))
        << address;
    EXPECT_THAT(std::string(status.message()), HasSubstr("listen on \""));
  }
  EXPECT_THAT(CreateError(server, {.listen_address = "192.0.2.1:0"}),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST(RpcServerTest, RefusesAMessageLimitThatIsOutOfBounds) {
  TestServer server;
  for (const int64_t limit :
       {int64_t{-1}, int64_t{0}, RpcServer::kMessageBytesMin - 1,
        RpcServer::kMessageBytesMax + 1}) {
    const absl::Status status = CreateError(
        server, {.listen_address = "127.0.0.1:0", .message_bytes_max = limit});
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr(absl::StrCat("message_bytes_max ", limit)));
  }
}

TEST(RpcServerTest, ListensOnAnAddressFamilyOrASocket) {
  TestServer server;
  const std::string socket = "unix:" + (server.pool.models / "socket");
  for (const std::string& address : {std::string("[::1]:0"), socket}) {
    auto created =
        RpcServer::Create({.listen_address = address}, server.rooms());
    EXPECT_THAT(created, IsOk());
    EXPECT_NE((*created)->port(), 0);
  }
}

TEST(RpcServerTest, HealthFollowsReadiness) {
  TestServer server;
  const std::string names[] = {"", "ferry.v1.ModelService",
                               "ferry.v1.InferenceService",
                               "inference.GRPCInferenceService"};
  for (const std::string& name : names) {
    EXPECT_EQ(Health(server, name), kNotServing) << name;
  }
  server.server->SetReady(true);
  for (const std::string& name : names) {
    EXPECT_EQ(Health(server, name), kServing) << name;
  }
  server.server->SetReady(false);
  EXPECT_EQ(Health(server, ""), kNotServing);
  server.server->SetReady(true);
  server.server->Drain();
  server.server->SetReady(true);  // Too late.
  for (const std::string& name : names) {
    EXPECT_EQ(Health(server, name), kNotServing) << name;
  }
}

TEST(RpcServerTest, HealthTellsWatchersOfEveryChange) {
  TestServer server;
  RawStream watch(server.channel, "/grpc.health.v1.Health/Watch");
  watch.Write(HealthRequest("ferry.v1.InferenceService"));
  EXPECT_EQ(watch.Read(), kNotServing);
  server.server->SetReady(true);
  EXPECT_EQ(watch.Read(), kServing);
  server.server->Drain();
  EXPECT_EQ(watch.Read(), kNotServing);
}

TEST(RpcServerTest, ReflectionListsEveryService) {
  TestServer server;
  RawStream info(server.channel,
                 "/grpc.reflection.v1alpha.ServerReflection/"
                 "ServerReflectionInfo");
  info.Write(std::string("\x3A\x00", 2));  // {7: list_services}
  const std::string services = info.Read();
  for (const char* name :
       {"ferry.v1.ModelService", "ferry.v1.InferenceService",
        "inference.GRPCInferenceService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(services, HasSubstr(name));
  }
}

TEST(RpcServerTest, ReflectionDescribesEveryService) {
  TestServer server;
  RawStream info(server.channel,
                 "/grpc.reflection.v1alpha.ServerReflection/"
                 "ServerReflectionInfo");
  // A method of each, which only a descriptor names.
  const std::pair<std::string, const char*> methods[] = {
      {"ferry.v1.ModelService", "MigrateModel"},
      {"ferry.v1.InferenceService", "Infer"},
      {"inference.GRPCInferenceService", "ModelInfer"},
      {"grpc.health.v1.Health", "HealthCheckRequest"},
      {"grpc.reflection.v1alpha.ServerReflection", "ServerReflectionInfo"}};
  for (const auto& [service, method] : methods) {
    // {4: file_containing_symbol}; the answer repeats the question.
    info.Write(std::string("\x22") + static_cast<char>(service.size()) +
               service);
    const std::string described = info.Read();
    EXPECT_THAT(described, HasSubstr(method)) << service;
    EXPECT_THAT(described, HasSubstr(".proto")) << service;
  }
}

TEST(RpcServerTest, ReflectionThatNobodyEndsHasFewThreads) {
  TestServer server;
  std::vector<std::unique_ptr<RawStream>> streams;
  for (int i = 0; i < 4 * RpcServer::kReflectionThreadsMax; ++i) {
    streams.push_back(std::make_unique<RawStream>(
        server.NewChannel(),
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"));
  }
  // The others still answer.
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  EXPECT_TRUE(server.models->ListModels(&context, {}, &response).ok());
}

TEST(RpcServerTest, RefusesCompressedRequests) {
  TestServer server;
  for (const auto& [algorithm, name] :
       {std::pair(GRPC_COMPRESS_GZIP, "gzip"),
        std::pair(GRPC_COMPRESS_DEFLATE, "deflate")}) {
    grpc::ClientContext context;
    context.set_compression_algorithm(algorithm);
    // Larger than any message may be here, and small on its way.
    v1::GetModelRequest request;
    request.set_name(std::string(size_t{65} << 20, 'a'));
    v1::GetModelResponse response;
    const absl::Status status =
        FromGrpc(server.models->GetModel(&context, request, &response));
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnimplemented));
    EXPECT_EQ(status.message(),
              absl::StrCat("Compression algorithm '", name, "' is disabled."));
  }
}

TEST(RpcServerTest, ShutsDownAtOnceWhenOnlyWatchesAreOpen) {
  TestServer server;
  RawStream health(server.channel, "/grpc.health.v1.Health/Watch");
  health.Write(HealthRequest(""));
  EXPECT_EQ(health.Read(), kNotServing);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(server.server->Shutdown(absl::InfiniteDuration()));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST(RpcServerTest, ShutsDownBehindTheLastAnswer) {
  TestServer server;
  SaveSlowModel(server.pool.models / "slow.pt", 256, 200);
  ASSERT_THAT(server.pool.Load("slow", {"cpu"}), IsOk());
  const v1::InferRequest request = FloatRequest("slow", 1);
  grpc::ClientContext context;
  v1::InferResponse response;
  std::promise<absl::Status> ended;
  server.inference->async()->Infer(
      &context, &request, &response,
      [&](const grpc::Status& status) { ended.set_value(FromGrpc(status)); });
  // Until it runs: its wait in the queue is measured then.
  while (server.pool.metrics.Text().find(
             "ferry_infer_step_seconds_count{model=\"slow\",step=\"queue\"}") ==
         std::string::npos) {
  }
  EXPECT_TRUE(server.server->Shutdown(absl::InfiniteDuration()));
  EXPECT_THAT(ended.get_future().get(), IsOk());
}

TEST(RpcServerTest, CancelsWhatIsLeftWhenTheLimitPasses) {
  TestServer server("cpu=64MiB,sim:0=16MiB@2MBps");
  SaveScaleModel(server.pool.models / "large.pt", 2, uint64_t{4} << 20);
  grpc::ClientContext context;
  v1::LoadModelRequest request;
  request.set_name("large");
  request.add_devices("sim:0");
  v1::LoadModelResponse response;
  std::promise<absl::Status> ended;
  server.models->async()->LoadModel(
      &context, &request, &response,
      [&](const grpc::Status& status) { ended.set_value(FromGrpc(status)); });
  while (!server.pool.table->Get("large").ok()) {
  }
  EXPECT_FALSE(server.server->Shutdown(absl::ZeroDuration()));
  EXPECT_FALSE(ended.get_future().get().ok());
}

TEST(RpcServerTest, ClosesThePort) {
  TestServer server;
  const std::string address = server.address();
  server.server->Shutdown(absl::ZeroDuration());
  EXPECT_THAT(RpcServer::Create({.listen_address = address}, server.rooms()),
              IsOk());
}

}  // namespace
}  // namespace ferry::rpc_server_test
