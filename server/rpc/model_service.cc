#include "server/rpc/model_service.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/call_log.h"
#include "server/rpc/model_codec.h"
#include "server/rpc/move_call.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/unary_answer.h"
#include "server/rpc/watch_call.h"
#include "server/rpc/wire_scan.h"

namespace ferry {
namespace {

absl::StatusOr<Destination> ParseDestination(
    const google::protobuf::RepeatedPtrField<std::string>& devices) {
  return Destination::Parse({devices.begin(), devices.end()});
}

// Of a request that names a model. `zero` says what version 0 is.
absl::StatusOr<ModelId> ParseModel(const auto& request, std::string_view zero) {
  RETURN_IF_ERROR(CheckModelName(request.name()));
  if (request.version() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("version ", request.version(),
                     ": must be positive, or 0 for ", AbslView(zero)));
  }
  return ModelId{.name = request.name(), .version = request.version()};
}
constexpr std::string_view kHighest = "the highest there is";
constexpr std::string_view kThere = "the one that is loaded";

// Writes a LoadModelResponse or a MigrateModelResponse.
template <typename Response>
MoveCall::Encode EncodeInto(grpc::ByteBuffer* bytes) {
  return [bytes](const MoveOutcome& outcome) {
    Response response;
    EncodeModel(outcome.model, *response.mutable_model());
    if (outcome.report.has_value()) {
      EncodeReport(*outcome.report, *response.mutable_report());
    }
    WriteMessage(response, *bytes);
  };
}

void EncodeUnload(const MoveOutcome& outcome, grpc::ByteBuffer* bytes) {
  v1::UnloadModelResponse response;
  if (outcome.report.has_value()) {
    EncodeReport(*outcome.report, *response.mutable_report());
  }
  WriteMessage(response, *bytes);
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

ModelService::Unary* ModelService::LoadModel(Context* context,
                                             const Bytes* request,
                                             Bytes* response) {
  v1::LoadModelRequest asked;
  absl::Status checked = ReadRequest(request, asked);
  absl::StatusOr<ModelId> model = ParseModel(asked, kHighest);
  absl::StatusOr<Destination> destination = ParseDestination(asked.devices());
  checked.Update(model.status());
  checked.Update(destination.status());
  auto* call = new MoveCall("LoadModel", asked.name(),
                            EncodeInto<v1::LoadModelResponse>(response),
                            *context, rooms_.calls);
  call->Start(checked, [&](MoveDone done) {
    return rooms_.mover.Ask({.kind = MoveKind::kLoad,
                             .model = *std::move(model),
                             .path = asked.path(),
                             .destination = *std::move(destination)},
                            std::move(done));
  });
  return call;
}

ModelService::Unary* ModelService::UnloadModel(Context* context,
                                               const Bytes* request,
                                               Bytes* response) {
  v1::UnloadModelRequest asked;
  absl::Status checked = ReadRequest(request, asked);
  absl::StatusOr<ModelId> model = ParseModel(asked, kThere);
  checked.Update(model.status());
  auto* call = new MoveCall(
      "UnloadModel", asked.name(),
      [response](const MoveOutcome& outcome) {
        EncodeUnload(outcome, response);
      },
      *context, rooms_.calls);
  call->Start(checked, [&](MoveDone done) {
    return rooms_.mover.Ask(
        {.kind = MoveKind::kUnload, .model = *std::move(model)},
        std::move(done));
  });
  return call;
}

ModelService::Unary* ModelService::MigrateModel(Context* context,
                                                const Bytes* request,
                                                Bytes* response) {
  v1::MigrateModelRequest asked;
  absl::Status checked = ReadRequest(request, asked);
  absl::StatusOr<ModelId> model = ParseModel(asked, kThere);
  checked.Update(model.status());
  absl::StatusOr<Destination> destination = ParseDestination(asked.devices());
  checked.Update(destination.status());
  auto* call = new MoveCall("MigrateModel", asked.name(),
                            EncodeInto<v1::MigrateModelResponse>(response),
                            *context, rooms_.calls);
  call->Start(checked, [&](MoveDone done) {
    return rooms_.mover.Ask({.kind = MoveKind::kMigrate,
                             .model = *std::move(model),
                             .destination = *std::move(destination)},
                            std::move(done));
  });
  return call;
}

ModelService::Unary* ModelService::GetModel(Context* context,
                                            const Bytes* request,
                                            Bytes* response) {
  v1::GetModelRequest asked;
  absl::Status status = ReadRequest(request, asked);
  const absl::StatusOr<ModelId> id = ParseModel(asked, kThere);
  status.Update(id.status());
  v1::GetModelResponse answer;
  if (status.ok()) {
    const absl::StatusOr<ModelSnapshot> model =
        rooms_.table.Get(id->name, id->version);
    status = model.status();
    if (status.ok()) EncodeModel(*model, *answer.mutable_model());
  }
  WriteMessage(answer, *response);
  return AnswerAtOnce("GetModel", asked.name(), *context, status);
}

ModelService::Unary* ModelService::ListModels(Context* context, const Bytes*,
                                              Bytes* response) {
  v1::ListModelsResponse answer;
  for (const ModelSnapshot& model : rooms_.table.List()) {
    EncodeModel(model, *answer.add_models());
  }
  WriteMessage(answer, *response);
  return AnswerAtOnce("ListModels", "", *context, absl::OkStatus());
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* ModelService::WatchModels(
    Context* context, const Bytes* request) {
  v1::WatchModelsRequest asked;
  absl::Status checked = ReadRequest(request, asked);
  for (const std::string& name : asked.names()) {
    checked.Update(CheckModelName(name));
  }
  if (asked.names_size() > rooms_.watch_names_max) {
    checked.Update(absl::ResourceExhaustedError(absl::StrCat(
        "WatchModels: ", asked.names_size(), " names, and a watch may have ",
        rooms_.watch_names_max, "; name none to watch all models")));
    asked.clear_names();
  }
  auto* call =
      new WatchCall(rooms_.table, {asked.names().begin(), asked.names().end()},
                    *context, watches_);
  if (watches_ > kWatchesMax) {
    checked.Update(absl::ResourceExhaustedError(absl::StrCat(
        "WatchModels: there are ", kWatchesMax,
        " watches already, as many as there may be; end one first")));
  }
  call->Start(checked, drain_.get_token());
  return call;
}

ModelService::Unary* ModelService::ListDevices(Context* context, const Bytes*,
                                               Bytes* response) {
  v1::ListDevicesResponse answer;
  const std::vector<ModelSnapshot> models = rooms_.table.List();
  for (Device* device : rooms_.devices.devices()) {
    rooms_.table.AskHealth(*device);  // Who looks at it may be the first to.
    v1::Device& message = *answer.add_devices();
    EncodeDevice(*device, rooms_, message);
    for (const ModelSnapshot& model : models) {
      if (std::ranges::count(model.serving_on, device->id()) != 0) {
        message.add_models(model.id.name);
      }
    }
  }
  WriteMessage(answer, *response);
  return AnswerAtOnce("ListDevices", "", *context, absl::OkStatus());
}

ModelService::Unary* ModelService::ListMoves(Context* context,
                                             const Bytes* request,
                                             Bytes* response) {
  v1::ListMovesRequest asked;
  absl::Status checked = ReadRequest(request, asked);
  if (checked.ok() && asked.moves_max() < 0) {
    checked = absl::InvalidArgumentError(
        absl::StrCat("moves_max ", asked.moves_max(),
                     ": must not be negative; 0 is all that are kept"));
  }
  if (!checked.ok()) {
    return AnswerAtOnce("ListMoves", asked.model(), *context, checked);
  }
  v1::ListMovesResponse answer;
  for (const MoveReport& move : rooms_.mover.Moves()) {
    if (!asked.model().empty() && move.model.name != asked.model()) continue;
    if (asked.moves_max() != 0 && answer.moves_size() >= asked.moves_max()) {
      break;
    }
    EncodeReport(move, *answer.add_moves());
  }
  WriteMessage(answer, *response);
  return AnswerAtOnce("ListMoves", asked.model(), *context, absl::OkStatus());
}

}  // namespace ferry
