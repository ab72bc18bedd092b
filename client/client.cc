#include "client/client.h"

#include <chrono>
#include <string_view>
#include <utility>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "absl/strings/str_cat.h"
#include "ferry/v1/inference_service.grpc.pb.h"
#include "ferry/v1/model_service.grpc.pb.h"

#include "client/wire.h"
#include "server/base/status_macros.h"

namespace ferry::client {
namespace {

std::chrono::system_clock::time_point DeadlineAfter(absl::Duration timeout) {
  return absl::ToChronoTime(absl::Now() + timeout);
}

// One call: its deadline, and a `stop` that cancels it.
class Call {
 public:
  Call(absl::Duration timeout, const std::stop_token& stop)
      : timeout_(timeout),
        stop_(stop),
        cancel_(stop, [this] { context_.TryCancel(); }) {
    if (timeout < absl::InfiniteDuration()) {
      context_.set_deadline(DeadlineAfter(timeout));
    }
  }

  grpc::ClientContext* context() { return &context_; }

  // The server's own code and sentence. What gRPC itself has to say is terse,
  // so that says where and how long.
  absl::Status End(const grpc::Status& status,
                   const std::string& address) const {
    if (status.ok()) return absl::OkStatus();
    if (stop_.stop_requested()) return absl::CancelledError("cancelled");
    const auto code = static_cast<absl::StatusCode>(status.error_code());
    if (code == absl::StatusCode::kDeadlineExceeded &&
        status.error_message() == "Deadline Exceeded") {
      return absl::DeadlineExceededError(
          absl::StrCat("no answer from ", address, " within ",
                       absl::FormatDuration(timeout_)));
    }
    if (code == absl::StatusCode::kUnavailable) {
      return absl::UnavailableError(
          absl::StrCat(status.error_message(), " (server ", address, ")"));
    }
    return {code, status.error_message()};
  }

 private:
  const absl::Duration timeout_;
  grpc::ClientContext context_;
  const std::stop_token stop_;
  // Last: once it is gone, nothing cancels the context.
  const std::stop_callback<std::function<void()>> cancel_;
};

// Waits until the channel is connected, or has been refused once.
absl::Status AwaitConnection(grpc::Channel& channel, const std::string& address,
                             absl::Duration patience) {
  const auto deadline = DeadlineAfter(patience);
  while (true) {
    const grpc_connectivity_state state =
        channel.GetState(/*try_to_connect=*/true);
    if (state == GRPC_CHANNEL_READY) return absl::OkStatus();
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE ||
        state == GRPC_CHANNEL_SHUTDOWN) {
      return absl::UnavailableError(
          absl::StrCat("cannot connect to ", address,
                       ": is ferryd running, and is that its gRPC address?"));
    }
    if (!channel.WaitForStateChange(state, deadline)) {
      return absl::UnavailableError(
          absl::StrCat("cannot connect to ", address, " within ",
                       absl::FormatDuration(patience)));
    }
  }
}

// grpc.health.v1.HealthCheckResponse{status: SERVING}: field 1, varint 1.
constexpr std::string_view kServing = "\x08\x01";

template <typename Response>
MoveOutcome ToOutcome(const Response& response) {
  MoveOutcome outcome{.model = FromWire(response.model()), .report = {}};
  if (response.has_report()) outcome.report = FromWire(response.report());
  return outcome;
}

}  // namespace

struct Client::Stubs {
  Stubs(std::string at, std::shared_ptr<grpc::Channel> to,
        absl::Duration timeout)
      : address(std::move(at)),
        call_timeout(timeout),
        channel(std::move(to)),
        models(v1::ModelService::NewStub(channel)),
        inference(v1::InferenceService::NewStub(channel)) {}

  // One call that has one answer, from the check of its request on.
  template <typename Service, typename Request, typename Response>
  absl::StatusOr<Response> Ask(
      Service& service,
      grpc::Status (Service::*rpc)(grpc::ClientContext*, const Request&,
                                   Response*),
      const Request& request, const std::stop_token& stop) const {
    RETURN_IF_ERROR(CheckSendable(request));
    Response response;
    Call call(call_timeout, stop);
    RETURN_IF_ERROR(
        call.End((service.*rpc)(call.context(), request, &response), address));
    return response;
  }

  const std::string address;
  const absl::Duration call_timeout;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::ModelService::Stub> models;
  const std::unique_ptr<v1::InferenceService::Stub> inference;
};

Client::Client(std::unique_ptr<Stubs> stubs) : stubs_(std::move(stubs)) {}

Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(
    const std::string& address, const Options& options) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // The server has the limit.
  arguments.SetMaxSendMessageSize(-1);
  // A server that was restarted is a new connection, not a shared old one.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  // An http_proxy in the environment is not for this.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto stubs = std::make_unique<Stubs>(
      address,
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                arguments),
      options.call_timeout);
  RETURN_IF_ERROR(
      AwaitConnection(*stubs->channel, address, options.connect_timeout));
  return std::unique_ptr<Client>(new Client(std::move(stubs)));
}

absl::StatusOr<MoveOutcome> Client::Load(const LoadRequest& request,
                                         std::stop_token stop) {
  v1::LoadModelRequest message;
  message.set_name(request.name);
  message.mutable_devices()->Assign(request.devices.begin(),
                                    request.devices.end());
  message.set_path(request.path);
  message.set_version(request.version);
  ASSIGN_OR_RETURN(
      const v1::LoadModelResponse response,
      stubs_->Ask(*stubs_->models, &v1::ModelService::Stub::LoadModel, message,
                  stop));
  return ToOutcome(response);
}

absl::StatusOr<std::optional<MoveReport>> Client::Unload(
    const std::string& name, int64_t version, std::stop_token stop) {
  v1::UnloadModelRequest message;
  message.set_name(name);
  message.set_version(version);
  ASSIGN_OR_RETURN(
      const v1::UnloadModelResponse response,
      stubs_->Ask(*stubs_->models, &v1::ModelService::Stub::UnloadModel,
                  message, stop));
  std::optional<MoveReport> report;
  if (response.has_report()) report = FromWire(response.report());
  return report;
}

absl::StatusOr<MoveOutcome> Client::Migrate(const MigrateRequest& request,
                                            std::stop_token stop) {
  v1::MigrateModelRequest message;
  message.set_name(request.name);
  message.mutable_devices()->Assign(request.devices.begin(),
                                    request.devices.end());
  message.set_version(request.version);
  ASSIGN_OR_RETURN(
      const v1::MigrateModelResponse response,
      stubs_->Ask(*stubs_->models, &v1::ModelService::Stub::MigrateModel,
                  message, stop));
  return ToOutcome(response);
}

absl::StatusOr<Model> Client::Get(const std::string& name, int64_t version,
                                  std::stop_token stop) {
  v1::GetModelRequest message;
  message.set_name(name);
  message.set_version(version);
  ASSIGN_OR_RETURN(
      const v1::GetModelResponse response,
      stubs_->Ask(*stubs_->models, &v1::ModelService::Stub::GetModel, message,
                  stop));
  return FromWire(response.model());
}

absl::StatusOr<std::vector<Model>> Client::List(std::stop_token stop) {
  ASSIGN_OR_RETURN(
      const v1::ListModelsResponse response,
      stubs_->Ask(*stubs_->models, &v1::ModelService::Stub::ListModels,
                  v1::ListModelsRequest(), stop));
  std::vector<Model> models;
  for (const v1::Model& model : response.models()) {
    models.push_back(FromWire(model));
  }
  return models;
}

absl::Status Client::Watch(
    const std::vector<std::string>& names,
    const std::function<void(const ModelChange&)>& changed,
    std::stop_token stop) {
  v1::WatchModelsRequest message;
  message.mutable_names()->Assign(names.begin(), names.end());
  RETURN_IF_ERROR(CheckSendable(message));
  Call call(absl::InfiniteDuration(), stop);
  const auto reader = stubs_->models->WatchModels(call.context(), message);
  v1::WatchModelsResponse response;
  while (reader->Read(&response)) {
    changed({.model = FromWire(response.model()),
             .removed = response.removed(),
             .snapshot_complete = response.snapshot_complete()});
  }
  const absl::Status end = call.End(reader->Finish(), stubs_->address);
  if (stop.stop_requested()) return absl::OkStatus();
  if (!end.ok()) return end;
  return absl::UnavailableError(absl::StrCat(
      "the server ended the watch (server ", stubs_->address, ")"));
}

absl::StatusOr<std::vector<Device>> Client::Devices(std::stop_token stop) {
  ASSIGN_OR_RETURN(
      const v1::ListDevicesResponse response,
      stubs_->Ask(*stubs_->models, &v1::ModelService::Stub::ListDevices,
                  v1::ListDevicesRequest(), stop));
  std::vector<Device> devices;
  for (const v1::Device& device : response.devices()) {
    devices.push_back(FromWire(device));
  }
  return devices;
}

absl::StatusOr<std::vector<MoveReport>> Client::Moves(int32_t moves_max,
                                                      const std::string& model,
                                                      std::stop_token stop) {
  v1::ListMovesRequest message;
  message.set_moves_max(moves_max);
  message.set_model(model);
  ASSIGN_OR_RETURN(
      const v1::ListMovesResponse response,
      stubs_->Ask(*stubs_->models, &v1::ModelService::Stub::ListMoves, message,
                  stop));
  std::vector<MoveReport> moves;
  for (const v1::MoveReport& move : response.moves()) {
    moves.push_back(FromWire(move));
  }
  return moves;
}

absl::StatusOr<InferAnswer> Client::Infer(const InferRequest& request,
                                          std::stop_token stop) {
  v1::InferRequest message;
  message.set_model(request.model);
  message.set_version(request.version);
  for (const NamedValue& input : request.inputs) {
    v1::NamedValue& written = *message.add_inputs();
    written.set_name(input.name);
    ToWire(input.value, *written.mutable_value());
  }
  ASSIGN_OR_RETURN(
      v1::InferResponse response,
      stubs_->Ask(*stubs_->inference, &v1::InferenceService::Stub::Infer,
                  message, stop));
  InferAnswer answer{.model = response.model(),
                     .version = response.version(),
                     .outputs = {},
                     .device = response.device()};
  for (v1::NamedValue& output : *response.mutable_outputs()) {
    ASSIGN_OR_RETURN(Value value, FromWire(*output.mutable_value()));
    answer.outputs.push_back(
        {.name = output.name(), .value = std::move(value)});
  }
  return answer;
}

// Through a generic stub: Debian's gRPC does not ship the health protocol's
// generated code, and its two messages are two bytes.
absl::Status Client::Health(std::stop_token stop) {
  grpc::GenericStub stub(stubs_->channel);
  Call call(stubs_->call_timeout, stop);
  grpc::CompletionQueue queue;
  // An empty message asks for the server as a whole. No bytes, but a message: a
  // ByteBuffer without a slice is none.
  const grpc::Slice empty;
  const auto reader =
      stub.PrepareUnaryCall(call.context(), "/grpc.health.v1.Health/Check",
                            grpc::ByteBuffer(&empty, 1), &queue);
  reader->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  reader->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  RETURN_IF_ERROR(call.End(status, stubs_->address));

  grpc::Slice slice;
  const bool readable = response.DumpToSingleSlice(&slice).ok();
  const std::string_view bytes(reinterpret_cast<const char*>(slice.begin()),
                               slice.size());
  if (readable && bytes == kServing) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("not serving: the server is starting or draining (server ",
                   stubs_->address, ")"));
}

}  // namespace ferry::client
