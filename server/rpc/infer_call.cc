#include "server/rpc/infer_call.h"

#include <utility>

#include <grpc/support/time.h>

#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/call_log.h"
#include "server/values/signature_check.h"

namespace ferry {
namespace {

absl::Duration DeadlineOf(const grpc::ServerContextBase& context) {
  const gpr_timespec deadline = context.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return absl::InfiniteDuration();
  }
  const gpr_timespec left =
      gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  return MonotonicNow() + absl::Seconds(left.tv_sec) +
         absl::Nanoseconds(left.tv_nsec);
}

}  // namespace

InferCall::InferCall(std::string_view method, const InferRooms& rooms,
                     const MessageShape& shape, InferSource source)
    : method_(method),
      rooms_(rooms),
      shape_(shape),
      source_(std::move(source)),
      share_(rooms.budget) {
  deadline = DeadlineOf(source_.context);
}

void InferCall::Start() {
  absl::Status status = Take();
  if (status.ok()) status = DecodeRequest(source_.request);
  if (status.ok()) status = Check();
  if (!status.ok()) {
    if (!admission) rooms_.table.CountRefused(model_, status.code());
    Fail(status);  // And with it `this`.
    return;
  }
  rooms_.scheduler.Submit(*this);  // The same.
}

absl::Status InferCall::Take() {
  ASSIGN_OR_RETURN(WireScan scan,
                   shape_.Scan(source_.request, rooms_.request_bytes_max));
  model_ = std::move(scan.name);
  RETURN_IF_ERROR(CheckModelName(model_));
  ASSIGN_OR_RETURN(const int64_t version, VersionOf(scan));
  ASSIGN_OR_RETURN(admission,
                   rooms_.table.Admit(model_, version, scan.memory_bytes));
  return share_.Set(scan.memory_bytes + source_.request.Length());
}

absl::Status InferCall::Check() const {
  const absl::Status fits = CheckShapes(admission.declared(), inputs);
  if (fits.ok()) return CheckOutputs(admission.outputs(), outputs);
  return absl::Status(fits.code(),
                      absl::StrCat(QuotedModel(model_), ": ", fits.message()));
}

absl::Status InferCall::Encode(const InferAnswer& answer) {
  RETURN_IF_ERROR(EncodeResponse(answer, source_.response));
  // The client may be slow to fetch its answer: only that is kept for it.
  FreeRequest();
  return share_.Set(source_.response.Length());
}

void InferCall::Done(const absl::Status& status) {
  if (!status.ok()) {
    FreeRequest();
    source_.response.Clear();
    share_.Set(0).IgnoreError();  // Less is never refused.
  }
  LogCallEnd(method_, model_, source_.context, status);
  source_.ended(status);
}

void InferCall::FreeRequest() {
  inputs.clear();
  source_.request.Clear();
  Forget();
}

}  // namespace ferry
