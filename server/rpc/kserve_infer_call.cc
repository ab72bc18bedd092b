#include "server/rpc/kserve_infer_call.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/kserve_outputs.h"
#include "server/rpc/kserve_parameters.h"

namespace ferry {

absl::StatusOr<int64_t> KServeInferCall::VersionOf(const WireScan& scan) const {
  if (scan.version_text.empty()) return 0;
  return ParseVersion(scan.version_text);
}

absl::Status KServeInferCall::DecodeRequest(grpc::ByteBuffer& bytes) {
  const inference::ModelInferRequest& request = request_.emplace();
  RETURN_IF_ERROR(ParseMessage(bytes, *request_));
  ASSIGN_OR_RETURN(const KServeParameters parameters,
                   ReadKServeParameters(request));
  if (parameters.timeout != absl::InfiniteDuration()) {
    deadline = std::min(deadline, MonotonicNow() + parameters.timeout);
  }
  for (const auto& output : request.outputs()) {
    outputs.push_back(output.name());
  }
  ASSIGN_OR_RETURN(const uint64_t values, CountKServeValues(request));
  RETURN_IF_ERROR(TakeMore(values * sizeof(Value)));
  return DecodeKServeInputs(request, scratch_, inputs);
}

absl::Status KServeInferCall::EncodeResponse(const InferAnswer& answer,
                                             grpc::ByteBuffer& bytes) {
  inference::ModelInferResponse response;
  response.set_model_name(model());
  response.set_model_version(absl::StrCat(answer.version));
  response.set_id(request_->id());
  RETURN_IF_ERROR(EncodeKServeOutputs(answer.outputs, *request_,
                                      answer_bytes_max(), response));
  WriteMessage(response, bytes);
  return absl::OkStatus();
}

void KServeInferCall::Forget() {
  request_.reset();
  scratch_.clear();
}

}  // namespace ferry
