#include "server/rpc/rpc_server.h"

#include <array>
#include <chrono>
#include <utility>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"

#include "server/base/invariant.h"
#include "server/base/listen_socket.h"
#include "server/base/status_macros.h"
#include "server/rpc/grpc_log.h"

namespace ferry {
namespace {

constexpr std::array<const char*, 4> kHealthNames = {
    "", "ferry.v1.ModelService", "ferry.v1.InferenceService",
    "inference.GRPCInferenceService"};

// A client that vanished without a word is found out within a minute, so that
// nobody's move goes on for it.
constexpr int kKeepaliveTimeMs = 30'000;
constexpr int kKeepaliveTimeoutMs = 20'000;
// Clients may ping this often; most need it to keep a load alive through
// proxies.
constexpr int kClientPingMs = 5'000;

// For streams that end only when they are cut off.
constexpr absl::Duration kGrace = absl::Milliseconds(50);

absl::Status CheckOptions(const RpcServer::Options& options) {
  if (options.message_bytes_max < RpcServer::kMessageBytesMin ||
      options.message_bytes_max > RpcServer::kMessageBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "message_bytes_max ", options.message_bytes_max, ": must be ",
        RpcServer::kMessageBytesMin, " to ", RpcServer::kMessageBytesMax));
  }
  return absl::OkStatus();
}

// What gRPC sets on a socket of its own; what is accepted inherits it.
void SetSocketOptions(const ListenSocket& listener) {
  const int yes = 1;
  ::setsockopt(listener.fd(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  ::setsockopt(listener.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT,
               &kKeepaliveTimeoutMs, sizeof(kKeepaliveTimeoutMs));
}

void SetArguments(const RpcServer::Options& options,
                  grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.message_bytes_max));
  // gRPC would inflate all of a message before it holds it to that limit.
  for (const auto packed : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(packed, false);
  }
  // Answers are measured before they are copied; see AnswerTooLarge.
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kClientPingMs);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             options.streams_max);
  // Only reflection has threads that block in a call, one for each stream.
  grpc::ResourceQuota quota("ferry");
  quota.SetMaxThreads(RpcServer::kReflectionThreadsMax);
  quota.Resize(options.transport_bytes_max);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 1);
}

}  // namespace

RpcServer::RpcServer(const Options& options, const Rooms& rooms)
    : budget_(options.all_bytes_max),
      infer_rooms_{
          .scheduler = rooms.scheduler,
          .table = rooms.table,
          .calls = calls_,
          .budget = budget_,
          .request_bytes_max = options.request_bytes_max,
          .answer_bytes_max = static_cast<uint64_t>(options.message_bytes_max)},
      model_service_({.mover = rooms.mover,
                      .table = rooms.table,
                      .devices = rooms.devices,
                      .weights = rooms.weights,
                      .calibration = rooms.calibration,
                      .calls = calls_,
                      .watch_names_max = options.watch_names_max}),
      inference_service_(infer_rooms_),
      kserve_service_(infer_rooms_, ready_, draining_, options.version) {}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Create(
    const Options& options, const Rooms& rooms) {
  RETURN_IF_ERROR(CheckOptions(options));
  auto server = std::unique_ptr<RpcServer>(new RpcServer(options, rooms));
  RETURN_IF_ERROR(server->Listen(options, rooms.metrics));
  return server;
}

absl::Status RpcServer::Listen(const Options& options, Metrics& metrics) {
  grpc::EnableDefaultHealthCheckService(true);
  // By hand: a static archive's own initialiser would be left out.
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  // gRPC serves health without a descriptor, which reflection describes it by.
  INVARIANT(grpc::health::v1::HealthCheckRequest::descriptor() != nullptr);

  // Before gRPC starts: a port in use is found out at once.
  ASSIGN_OR_RETURN(ListenSocket listener,
                   ListenSocket::Create(options.listen_address));
  SetSocketOptions(listener);

  TakeGrpcLog();
  grpc::ServerBuilder builder;
  SetArguments(options, builder);
  acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      grpc::InsecureServerCredentials());
  builder.RegisterService(&model_service_);
  builder.RegisterService(&inference_service_);
  builder.RegisterService(&kserve_service_);
  server_ = builder.BuildAndStart();
  INVARIANT(server_ != nullptr);
  SetHealth(false);
  ASSIGN_OR_RETURN(gate_, ConnectionGate::Create(
                              std::move(listener), options.connections, metrics,
                              [this](UniqueFd connection) {
                                grpc::experimental::ExternalConnectionAcceptor::
                                    NewConnectionParameters parameters;
                                parameters.fd = connection.Release();
                                acceptor_->HandleNewConnection(&parameters);
                              }));
  return absl::OkStatus();
}

RpcServer::~RpcServer() {
  if (server_ != nullptr) Shutdown(absl::ZeroDuration());
}

void RpcServer::SetHealth(bool serving) {
  grpc::HealthCheckServiceInterface* health = server_->GetHealthCheckService();
  INVARIANT(health != nullptr);
  for (const char* name : kHealthNames) health->SetServingStatus(name, serving);
}

void RpcServer::SetReady(bool ready) {
  if (draining_) return;
  ready_ = ready;
  SetHealth(ready);
}

void RpcServer::Drain() {
  draining_ = true;
  // For good: gRPC ignores what SetServingStatus says from here on.
  server_->GetHealthCheckService()->Shutdown();
  model_service_.Drain();
}

bool RpcServer::Shutdown(absl::Duration limit) {
  Drain();
  const bool all_ended = calls_.WaitForNone(limit);
  // First: gRPC leaves open what it is handed from here on.
  if (gate_ != nullptr) gate_->Close();
  server_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoMilliseconds(kGrace));
  return all_ended;
}

}  // namespace ferry
