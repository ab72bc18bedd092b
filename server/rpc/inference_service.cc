#include "server/rpc/inference_service.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"
#include "server/rpc/tensor_codec.h"
#include "server/rpc/unary_infer.h"

namespace ferry {
namespace {

class FerryInferCall final : public InferCall {
 public:
  FerryInferCall(const InferRooms& rooms, const MessageShape& shape,
                 InferSource source)
      : InferCall("Infer", rooms, shape, std::move(source)) {}

 private:
  absl::StatusOr<int64_t> VersionOf(const WireScan& scan) const override {
    if (scan.version >= 0) return scan.version;
    return absl::InvalidArgumentError(
        absl::StrCat("version ", scan.version,
                     ": must be positive, or 0 for the one that is loaded"));
  }

  absl::Status DecodeRequest(grpc::ByteBuffer& bytes) override {
    RETURN_IF_ERROR(ParseMessage(bytes, request_.emplace()));
    return DecodeInputs(request_->inputs(), inputs);
  }

  absl::Status EncodeResponse(const InferAnswer& answer,
                              grpc::ByteBuffer& bytes) override {
    v1::InferResponse response;
    response.set_model(model());
    response.set_version(answer.version);
    response.set_device(answer.device.ToString());
    RETURN_IF_ERROR(EncodeOutputs(answer.outputs, answer_bytes_max(),
                                  *response.mutable_outputs()));
    WriteMessage(response, bytes);
    return absl::OkStatus();
  }

  void Forget() override { request_.reset(); }

  std::optional<v1::InferRequest> request_;
};

}  // namespace

grpc::ServerUnaryReactor* InferenceService::Infer(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
    grpc::ByteBuffer* response) {
  auto* rpc = new UnaryInfer<FerryInferCall>(rooms_, shape_, *context,
                                             OwnBytes(request), *response);
  return rpc->Start();
}

}  // namespace ferry
