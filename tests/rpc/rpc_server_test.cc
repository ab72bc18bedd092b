// RpcServer: listening and being refused, health and reflection as clients see
// them, and shutting down with calls under way.

#include "server/rpc/rpc_server.h"

#include <chrono>
#include <fcntl.h>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

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

TEST(RpcServerTest, ListensOnAnAddressOfEitherFamily) {
  TestServer server;
  for (const char* address : {"[::1]:0", "0.0.0.0:0"}) {
    auto created =
        RpcServer::Create({.listen_address = address}, server.rooms());
    EXPECT_THAT(created, IsOk());
    EXPECT_NE((*created)->port(), 0);
  }
}

// One call on a connection of its own, which it leaves open.
absl::Status CallOn(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  return FromGrpc(
      v1::ModelService::NewStub(channel)->ListModels(&context, {}, &response));
}

void AwaitConnections(const TestServer& server, size_t count) {
  while (server.server->CountConnections() != count) {
  }
}

UniqueFd Connect(const TestServer& server) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(server.server->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                      sizeof(address)),
            0);
  return fd;
}

size_t OpenFiles() {
  return static_cast<size_t>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                    std::filesystem::directory_iterator()));
}

TEST(RpcServerTest, TellsAClientWhyItsConnectionIsRefused) {
  TestServer server(
      "cpu=64MiB", {},
      {.connections = {.connections_max = 100, .per_peer_max = 2}});
  const auto second = server.NewChannel();
  EXPECT_THAT(CallOn(server.channel), IsOk());
  EXPECT_THAT(CallOn(second), IsOk());
  const auto third = server.NewChannel();
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = CallOn(third);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_EQ(status.message(),
              "connect from ipv4:127.0.0.1: this address has 2 connections, of "
              "at most 2 (--connections-per-peer-max); close some, or share "
              "one channel between calls");
  }
  // The others are served as before.
  EXPECT_THAT(CallOn(server.channel), IsOk());
  EXPECT_EQ(server.server->CountConnections(), 2u);
}

TEST(RpcServerTest, TellsEveryCallThatWaitsForTheConnection) {
  TestServer server(
      "cpu=64MiB", {},
      {.connections = {.connections_max = 1, .per_peer_max = 100}});
  EXPECT_THAT(CallOn(server.channel), IsOk());
  const auto channel = server.NewChannel();
  const auto stub = v1::ModelService::NewStub(channel);
  struct Call {
    grpc::ClientContext context;
    v1::GetModelRequest request;
    v1::GetModelResponse response;
    std::promise<absl::Status> ended;
  };
  std::vector<Call> calls(50);
  for (Call& call : calls) {
    // More than what a connection takes at first.
    call.request.set_name(std::string(100'000, 'a'));
    stub->async()->GetModel(&call.context, &call.request, &call.response,
                            [&call](const grpc::Status& status) {
                              call.ended.set_value(FromGrpc(status));
                            });
  }
  for (Call& call : calls) {
    const absl::Status status = call.ended.get_future().get();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("this server has 1 connections, of at most 1 "
                          "(--connections-max)"));
  }
}

TEST(RpcServerTest, TakesANewConnectionWhenOneHasEnded) {
  TestServer server("cpu=64MiB", {},
                    {.connections = {.connections_max = 1, .per_peer_max = 1}});
  EXPECT_THAT(CallOn(server.channel), IsOk());
  server.models.reset();
  server.inference.reset();
  server.kserve.reset();
  server.channel.reset();
  AwaitConnections(server, 0);
  EXPECT_THAT(CallOn(server.NewChannel()), IsOk());
}

TEST(RpcServerTest, ForgetsConnectionsHoweverTheyEnd) {
  TestServer server;
  {
    const UniqueFd closes = Connect(server);
    const UniqueFd resets = Connect(server);
    const linger at_once = {.l_onoff = 1, .l_linger = 0};
    ASSERT_EQ(::setsockopt(resets.get(), SOL_SOCKET, SO_LINGER, &at_once,
                           sizeof(at_once)),
              0);
    AwaitConnections(server, 2);
  }
  AwaitConnections(server, 0);
  const UniqueFd half_closes = Connect(server);
  AwaitConnections(server, 1);
  ::shutdown(half_closes.get(), SHUT_WR);
  AwaitConnections(server, 0);
  // gRPC closes these.
  const UniqueFd no_http2 = Connect(server);
  AwaitConnections(server, 1);
  const std::string garbage = "GET / HTTP/1.1\r\n\r\n" + std::string(50, 'x');
  ASSERT_GT(::send(no_http2.get(), garbage.data(), garbage.size(), 0), 0);
  AwaitConnections(server, 0);
}

TEST(RpcServerTest, AThousandConnectionsLeaveNothingBehind) {
  TestServer server;
  EXPECT_THAT(CallOn(server.channel), IsOk());
  AwaitConnections(server, 1);
  const size_t before = OpenFiles();
  for (int i = 0; i < 10; ++i) {
    std::vector<UniqueFd> clients;
    for (int k = 0; k < 100; ++k) clients.push_back(Connect(server));
    AwaitConnections(server, 101);
    clients.clear();
    AwaitConnections(server, 1);
  }
  while (OpenFiles() != before) {
  }
  EXPECT_THAT(CallOn(server.channel), IsOk());
}

TEST(RpcServerTest, NamesItsPeersAsGrpcDoes) {
  TestServer server;
  testing::internal::CaptureStderr();
  grpc::ClientContext context;
  v1::GetModelRequest request;
  request.set_name("nobody");
  v1::GetModelResponse response;
  EXPECT_FALSE(server.models->GetModel(&context, request, &response).ok());
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::ContainsRegex("peer=ipv4:127.0.0.1:[0-9]+\n"));
}

TEST(RpcServerTest, ItsSocketsAreAsGrpcMakesThem) {
  TestServer server;
  const UniqueFd client = Connect(server);
  AwaitConnections(server, 1);
  sockaddr_in name = {};
  socklen_t size = sizeof(name);
  ASSERT_EQ(
      ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&name), &size),
      0);
  // The server's end of it.
  int fd = 0;
  for (sockaddr_in peer = {}; peer.sin_port != name.sin_port;) {
    size = sizeof(peer);
    ::getpeername(++fd, reinterpret_cast<sockaddr*>(&peer), &size);
  }
  const auto option = [fd](int which) {
    int value = 0;
    socklen_t size = sizeof(value);
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, which, &value, &size), 0);
    return value;
  };
  EXPECT_EQ(option(TCP_NODELAY), 1);
  EXPECT_EQ(option(TCP_USER_TIMEOUT), 20'000);
  EXPECT_NE(::fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
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
