#include "server/rpc/kserve_service.h"

#include <string_view>

#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/call_log.h"
#include "server/rpc/kserve_infer_call.h"
#include "server/rpc/kserve_model.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/unary_answer.h"
#include "server/rpc/unary_infer.h"

namespace ferry {
namespace {

using Context = KServeService::Context;
using Unary = KServeService::Unary;

constexpr std::string_view kUseModelService =
    "use ferry.v1.ModelService, or ferryctl";
constexpr std::string_view kSendTensors =
    "shared memory is not served here; send the tensors themselves";

// Ends a call to a method that is not served; `instead` says what to do.
Unary* Refuse(std::string_view method, Context& context,
              std::string_view instead) {
  return AnswerAtOnce(
      method, "", context,
      absl::UnimplementedError(absl::StrCat(
          AbslView(method), " is not served here: ", AbslView(instead))));
}

class RefusedStream final : public KServeService::Stream {
 public:
  explicit RefusedStream(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

// The model as it is now, when it is that version of it.
absl::StatusOr<ModelSnapshot> FindModel(const ModelTable& table,
                                        const std::string& name,
                                        const std::string& version) {
  RETURN_IF_ERROR(CheckModelName(name));
  int64_t wanted = 0;
  if (!version.empty()) {
    ASSIGN_OR_RETURN(wanted, ParseVersion(version));
  }
  ASSIGN_OR_RETURN(ModelSnapshot model, table.Get(name));
  if (wanted != 0 && wanted != model.id.version) {
    return absl::NotFoundError(absl::StrCat("model ", Shown(name), ": version ",
                                            wanted, " is not here; version ",
                                            model.id.version, " is"));
  }
  return model;
}

// FindModel(), once its program is known.
absl::StatusOr<ModelSnapshot> FindLoaded(const ModelTable& table,
                                         const std::string& name,
                                         const std::string& version) {
  ASSIGN_OR_RETURN(ModelSnapshot model, FindModel(table, name, version));
  if (model.state == ModelState::kCold || model.state == ModelState::kLoading) {
    return absl::FailedPreconditionError(
        absl::StrCat("model ", Shown(name),
                     ": it is not loaded yet, so its inputs and "
                     "outputs are not known"));
  }
  return model;
}

}  // namespace

Unary* KServeService::ServerLive(Context* context, const Bytes*,
                                 Bytes* response) {
  inference::ServerLiveResponse answer;
  answer.set_live(true);
  WriteMessage(answer, *response);
  return AnswerAtOnce("ServerLive", "", *context, absl::OkStatus());
}

Unary* KServeService::ServerReady(Context* context, const Bytes*,
                                  Bytes* response) {
  inference::ServerReadyResponse answer;
  answer.set_ready(ready_ && !draining_);
  WriteMessage(answer, *response);
  return AnswerAtOnce("ServerReady", "", *context, absl::OkStatus());
}

Unary* KServeService::ModelReady(Context* context, const Bytes* request,
                                 Bytes* response) {
  inference::ModelReadyRequest asked;
  const absl::Status read = ReadRequest(request, asked);
  const absl::StatusOr<ModelSnapshot> model =
      read.ok() ? FindModel(rooms_.table, asked.name(), asked.version()) : read;
  absl::Status status = model.status();
  if (absl::IsNotFound(status)) status = absl::OkStatus();  // Not ready.
  inference::ModelReadyResponse answer;
  answer.set_ready(model.ok() && (model->state == ModelState::kServing ||
                                  model->state == ModelState::kMigrating));
  WriteMessage(answer, *response);
  return AnswerAtOnce("ModelReady", asked.name(), *context, status);
}

Unary* KServeService::ServerMetadata(Context* context, const Bytes*,
                                     Bytes* response) {
  inference::ServerMetadataResponse answer;
  answer.set_name("ferry");
  answer.set_version(version_);
  WriteMessage(answer, *response);
  return AnswerAtOnce("ServerMetadata", "", *context, absl::OkStatus());
}

Unary* KServeService::ModelMetadata(Context* context, const Bytes* request,
                                    Bytes* response) {
  inference::ModelMetadataRequest asked;
  const absl::Status read = ReadRequest(request, asked);
  const absl::StatusOr<ModelSnapshot> model =
      read.ok() ? FindLoaded(rooms_.table, asked.name(), asked.version())
                : read;
  inference::ModelMetadataResponse answer;
  if (model.ok()) EncodeKServeMetadata(*model, answer);
  WriteMessage(answer, *response);
  return AnswerAtOnce("ModelMetadata", asked.name(), *context, model.status());
}

Unary* KServeService::ModelConfig(Context* context, const Bytes* request,
                                  Bytes* response) {
  inference::ModelConfigRequest asked;
  const absl::Status read = ReadRequest(request, asked);
  const absl::StatusOr<ModelSnapshot> model =
      read.ok() ? FindLoaded(rooms_.table, asked.name(), asked.version())
                : read;
  inference::ModelConfigResponse answer;
  if (model.ok()) EncodeKServeConfig(*model, *answer.mutable_config());
  WriteMessage(answer, *response);
  return AnswerAtOnce("ModelConfig", asked.name(), *context, model.status());
}

Unary* KServeService::ModelInfer(Context* context, const Bytes* request,
                                 Bytes* response) {
  auto* rpc = new UnaryInfer<KServeInferCall>(rooms_, infer_shape_, *context,
                                              OwnBytes(request), *response);
  return rpc->Start();
}

KServeService::Stream* KServeService::ModelStreamInfer(Context* context) {
  const absl::Status status = absl::UnimplementedError(
      "ModelStreamInfer is not served here: use ModelInfer");
  LogCallEnd("ModelStreamInfer", "", *context, status);
  return new RefusedStream(status);
}

Unary* KServeService::ModelStatistics(Context* context, const Bytes*, Bytes*) {
  return Refuse("ModelStatistics", *context, "read the metrics over HTTP");
}

Unary* KServeService::RepositoryIndex(Context* context, const Bytes*, Bytes*) {
  return Refuse("RepositoryIndex", *context, kUseModelService);
}

Unary* KServeService::RepositoryModelLoad(Context* context, const Bytes*,
                                          Bytes*) {
  return Refuse("RepositoryModelLoad", *context, kUseModelService);
}

Unary* KServeService::RepositoryModelUnload(Context* context, const Bytes*,
                                            Bytes*) {
  return Refuse("RepositoryModelUnload", *context, kUseModelService);
}

Unary* KServeService::SystemSharedMemoryStatus(Context* context, const Bytes*,
                                               Bytes*) {
  return Refuse("SystemSharedMemoryStatus", *context, kSendTensors);
}

Unary* KServeService::SystemSharedMemoryRegister(Context* context, const Bytes*,
                                                 Bytes*) {
  return Refuse("SystemSharedMemoryRegister", *context, kSendTensors);
}

Unary* KServeService::SystemSharedMemoryUnregister(Context* context,
                                                   const Bytes*, Bytes*) {
  return Refuse("SystemSharedMemoryUnregister", *context, kSendTensors);
}

Unary* KServeService::CudaSharedMemoryStatus(Context* context, const Bytes*,
                                             Bytes*) {
  return Refuse("CudaSharedMemoryStatus", *context, kSendTensors);
}

Unary* KServeService::CudaSharedMemoryRegister(Context* context, const Bytes*,
                                               Bytes*) {
  return Refuse("CudaSharedMemoryRegister", *context, kSendTensors);
}

Unary* KServeService::CudaSharedMemoryUnregister(Context* context, const Bytes*,
                                                 Bytes*) {
  return Refuse("CudaSharedMemoryUnregister", *context, kSendTensors);
}

Unary* KServeService::TraceSetting(Context* context, const Bytes*, Bytes*) {
  return Refuse("TraceSetting", *context, "there are no traces");
}

Unary* KServeService::LogSettings(Context* context, const Bytes*, Bytes*) {
  return Refuse("LogSettings", *context,
                "start the server with the log level you want");
}

}  // namespace ferry
