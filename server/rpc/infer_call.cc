#include "server/rpc/infer_call.h"

#include <algorithm>
#include <utility>

#include <grpc/support/time.h>

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/call_log.h"
#include "server/rpc/status_codec.h"

namespace ferry {
namespace {

absl::Time DeadlineOf(const grpc::CallbackServerContext& context) {
  gpr_timespec deadline = context.raw_deadline();
  if (gpr_time_cmp(deadline, gpr_inf_future(deadline.clock_type)) == 0) {
    return absl::InfiniteFuture();
  }
  deadline = gpr_convert_clock_type(deadline, GPR_CLOCK_REALTIME);
  return absl::FromUnixSeconds(deadline.tv_sec) +
         absl::Nanoseconds(deadline.tv_nsec);
}

}  // namespace

InferCall::InferCall(std::string_view method, const InferRooms& rooms,
                     grpc::CallbackServerContext& context,
                     const MessageShape& shape, InferBytes bytes)
    : method_(method),
      rooms_(rooms),
      context_(context),
      shape_(shape),
      bytes_(bytes),
      counted_(rooms.calls),
      share_(rooms.budget) {
  deadline = DeadlineOf(context);
}

void InferCall::Start() {
  absl::Status status = Take();
  if (status.ok()) status = Decode(bytes_.request);
  if (!status.ok()) {
    admission = {};
    End(std::move(status));
    return;
  }
  rooms_.scheduler.Submit(*this);  // And with it `this`.
}

absl::Status InferCall::Take() {
  ASSIGN_OR_RETURN(WireScan scan,
                   shape_.Scan(bytes_.request, rooms_.request_bytes_max));
  model = std::move(scan.name);
  RETURN_IF_ERROR(CheckModelName(model));
  ASSIGN_OR_RETURN(version, VersionOf(scan));
  ASSIGN_OR_RETURN(admission,
                   rooms_.table.Admit(model, version, scan.memory_bytes));
  return share_.Set(scan.memory_bytes + bytes_.request.Length());
}

void InferCall::Done(const absl::StatusOr<InferAnswer>& answer) {
  End(answer.ok() ? Encode(*answer, bytes_.response) : answer.status());
}

void InferCall::End(absl::Status status) {
  // The client may be slow to fetch its answer: only that is kept for it.
  inputs.clear();
  bytes_.request.Clear();
  Forget();
  if (status.ok()) status = share_.Set(bytes_.response.Length());
  if (!status.ok()) {
    bytes_.response.Clear();
    share_.Set(0).IgnoreError();  // Less is never refused.
  }
  rooms_.counter.Count(model, status.code());
  LogCallEnd(method_, model, context_, status);
  Finish(ToGrpc(status));
}

}  // namespace ferry
