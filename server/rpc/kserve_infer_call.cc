#include "server/rpc/kserve_infer_call.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/kserve_outputs.h"
#include "server/rpc/kserve_parameters.h"

namespace ferry {

absl::Status KServeInferCall::Decode() {
  model = request_.model_name();
  if (!request_.model_version().empty()) {
    ASSIGN_OR_RETURN(version, ParseVersion(request_.model_version()));
  }
  ASSIGN_OR_RETURN(const KServeParameters parameters,
                   ReadKServeParameters(request_));
  if (parameters.timeout != absl::InfiniteDuration()) {
    deadline = std::min(deadline, RealClock().Now() + parameters.timeout);
  }
  for (const auto& output : request_.outputs()) {
    outputs.push_back(output.name());
  }
  return DecodeKServeInputs(request_, scratch_, inputs);
}

absl::Status KServeInferCall::Encode(const InferAnswer& answer) {
  response_.set_model_name(model);
  response_.set_model_version(absl::StrCat(answer.version));
  response_.set_id(request_.id());
  return EncodeKServeOutputs(answer.outputs, request_, answer_bytes_max(),
                             response_);
}

}  // namespace ferry
