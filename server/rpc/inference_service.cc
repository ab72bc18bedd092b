#include "server/rpc/inference_service.h"

#include <string>

#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"
#include "server/rpc/tensor_codec.h"

namespace ferry {
namespace {

class FerryInferCall final : public InferCall {
 public:
  FerryInferCall(const InferRooms& rooms, grpc::CallbackServerContext& context,
                 const v1::InferRequest& request, v1::InferResponse& response)
      : InferCall("Infer", rooms, context),
        request_(request),
        response_(response) {}

 private:
  absl::Status Decode() override {
    model = request_.model();
    version = request_.version();
    if (version < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("version ", version,
                       ": must be positive, or 0 for the one that is loaded"));
    }
    return DecodeInputs(request_.inputs(), inputs);
  }

  absl::Status Encode(const InferAnswer& answer) override {
    response_.set_model(model);
    response_.set_version(answer.version);
    response_.set_device(answer.device.ToString());
    return EncodeOutputs(answer.outputs, answer_bytes_max(),
                         *response_.mutable_outputs());
  }

  const v1::InferRequest& request_;
  v1::InferResponse& response_;
};

}  // namespace

grpc::ServerUnaryReactor* InferenceService::Infer(
    grpc::CallbackServerContext* context, const v1::InferRequest* request,
    v1::InferResponse* response) {
  auto* call = new FerryInferCall(rooms_, *context, *request, *response);
  call->Start();
  return call;
}

}  // namespace ferry
