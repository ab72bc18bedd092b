#include "server/rpc/model_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/call_log.h"
#include "server/rpc/model_codec.h"
#include "server/rpc/move_call.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/unary_answer.h"
#include "server/rpc/watch_call.h"

namespace ferry {
namespace {

absl::StatusOr<Destination> ParseDestination(
    const google::protobuf::RepeatedPtrField<std::string>& devices) {
  return Destination::Parse({devices.begin(), devices.end()});
}

absl::StatusOr<LoadSpec> ParseLoad(const v1::LoadModelRequest& request) {
  RETURN_IF_ERROR(CheckModelName(request.name()));
  if (request.version() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("version ", request.version(),
                     ": must be positive, or 0 for the highest there is"));
  }
  ASSIGN_OR_RETURN(Destination destination,
                   ParseDestination(request.devices()));
  return LoadSpec{.name = request.name(),
                  .path = request.path(),
                  .version = request.version(),
                  .destination = std::move(destination)};
}

// Writes a LoadModelResponse or a MigrateModelResponse.
template <typename Response>
MoveCall::Encode EncodeInto(Response* response) {
  return [response](const MoveOutcome& outcome) {
    EncodeModel(outcome.model, *response->mutable_model());
    if (outcome.report.has_value()) {
      EncodeReport(*outcome.report, *response->mutable_report());
    }
  };
}

void EncodeDevice(Device& device, const ModelService::Rooms& rooms,
                  v1::Device& message) {
  const DeviceId cpu = rooms.devices.cpu().id();
  const Arena::Usage usage = rooms.weights.usage(device.id());
  const absl::Status health = device.Health();
  message.set_name(device.name());
  message.set_capacity_bytes(usage.capacity_bytes);
  message.set_used_bytes(usage.used_bytes);
  message.set_largest_free_bytes(usage.largest_gap_bytes);
  message.set_healthy(health.ok());
  message.set_error(std::string(health.message()));
  message.set_copy_in_bytes_per_second(
      rooms.calibration.bytes_per_second(cpu, device.id()));
  message.set_copy_out_bytes_per_second(
      rooms.calibration.bytes_per_second(device.id(), cpu));
}

}  // namespace

grpc::ServerUnaryReactor* ModelService::LoadModel(
    grpc::CallbackServerContext* context, const v1::LoadModelRequest* request,
    v1::LoadModelResponse* response) {
  absl::StatusOr<LoadSpec> spec = ParseLoad(*request);
  auto* call = new MoveCall("LoadModel", request->name(), EncodeInto(response),
                            *context, rooms_.calls);
  call->Start(spec.status(), [&](MoveDone done) {
    return rooms_.mover.Load(*std::move(spec), std::move(done));
  });
  return call;
}

grpc::ServerUnaryReactor* ModelService::UnloadModel(
    grpc::CallbackServerContext* context, const v1::UnloadModelRequest* request,
    v1::UnloadModelResponse* response) {
  auto* call = new MoveCall(
      "UnloadModel", request->name(),
      [response](const MoveOutcome& outcome) {
        if (outcome.report.has_value()) {
          EncodeReport(*outcome.report, *response->mutable_report());
        }
      },
      *context, rooms_.calls);
  call->Start(CheckModelName(request->name()), [&](MoveDone done) {
    return rooms_.mover.Unload(request->name(), std::move(done));
  });
  return call;
}

grpc::ServerUnaryReactor* ModelService::MigrateModel(
    grpc::CallbackServerContext* context,
    const v1::MigrateModelRequest* request,
    v1::MigrateModelResponse* response) {
  absl::StatusOr<Destination> destination =
      ParseDestination(request->devices());
  absl::Status checked = CheckModelName(request->name());
  checked.Update(destination.status());
  auto* call = new MoveCall("MigrateModel", request->name(),
                            EncodeInto(response), *context, rooms_.calls);
  call->Start(checked, [&](MoveDone done) {
    return rooms_.mover.Migrate(request->name(), *std::move(destination),
                                std::move(done));
  });
  return call;
}

grpc::ServerUnaryReactor* ModelService::GetModel(
    grpc::CallbackServerContext* context, const v1::GetModelRequest* request,
    v1::GetModelResponse* response) {
  absl::Status status = CheckModelName(request->name());
  if (status.ok()) {
    const absl::StatusOr<ModelSnapshot> model =
        rooms_.table.Get(request->name());
    status = model.status();
    if (status.ok()) EncodeModel(*model, *response->mutable_model());
  }
  return AnswerAtOnce("GetModel", request->name(), *context, status);
}

grpc::ServerUnaryReactor* ModelService::ListModels(
    grpc::CallbackServerContext* context, const v1::ListModelsRequest*,
    v1::ListModelsResponse* response) {
  for (const ModelSnapshot& model : rooms_.table.List()) {
    EncodeModel(model, *response->add_models());
  }
  return AnswerAtOnce("ListModels", "", *context, absl::OkStatus());
}

grpc::ServerWriteReactor<v1::WatchModelsResponse>* ModelService::WatchModels(
    grpc::CallbackServerContext* context,
    const v1::WatchModelsRequest* request) {
  absl::Status checked;
  for (const std::string& name : request->names()) {
    checked.Update(CheckModelName(name));
  }
  auto* call = new WatchCall(rooms_.table,
                             {request->names().begin(), request->names().end()},
                             *context, watches_);
  if (watches_ > kWatchesMax) {
    checked.Update(absl::ResourceExhaustedError(absl::StrCat(
        "WatchModels: there are ", kWatchesMax,
        " watches already, as many as there may be; end one first")));
  }
  call->Start(checked, drain_.get_token());
  return call;
}

grpc::ServerUnaryReactor* ModelService::ListDevices(
    grpc::CallbackServerContext* context, const v1::ListDevicesRequest*,
    v1::ListDevicesResponse* response) {
  const std::vector<ModelSnapshot> models = rooms_.table.List();
  for (Device* device : rooms_.devices.devices()) {
    v1::Device& message = *response->add_devices();
    EncodeDevice(*device, rooms_, message);
    for (const ModelSnapshot& model : models) {
      if (std::ranges::count(model.serving_on, device->id()) != 0) {
        message.add_models(model.name);
      }
    }
  }
  return AnswerAtOnce("ListDevices", "", *context, absl::OkStatus());
}

grpc::ServerUnaryReactor* ModelService::ListMoves(
    grpc::CallbackServerContext* context, const v1::ListMovesRequest* request,
    v1::ListMovesResponse* response) {
  if (request->moves_max() < 0) {
    return AnswerAtOnce("ListMoves", request->model(), *context,
                        absl::InvalidArgumentError(absl::StrCat(
                            "moves_max ", request->moves_max(),
                            ": must not be negative; 0 is all that are kept")));
  }
  for (const MoveReport& move : rooms_.table.Moves()) {
    if (!request->model().empty() && move.model != request->model()) continue;
    if (request->moves_max() != 0 &&
        response->moves_size() >= request->moves_max()) {
      break;
    }
    EncodeReport(move, *response->add_moves());
  }
  return AnswerAtOnce("ListMoves", request->model(), *context,
                      absl::OkStatus());
}

}  // namespace ferry
