#include "server/rpc/infer_call.h"

#include <algorithm>

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
                     grpc::CallbackServerContext& context)
    : method_(method), rooms_(rooms), context_(context), counted_(rooms.calls) {
  deadline = DeadlineOf(context);
}

void InferCall::Start() {
  absl::Status status = Decode();
  if (status.ok()) status = CheckModelName(model);
  if (!status.ok()) {
    End(status);
    return;
  }
  rooms_.scheduler.Submit(*this);  // And with it `this`.
}

void InferCall::Done(const absl::StatusOr<InferAnswer>& answer) {
  End(answer.ok() ? Encode(*answer) : answer.status());
}

void InferCall::End(const absl::Status& status) {
  rooms_.counter.Count(model, status.code());
  LogCallEnd(method_, model, context_, status);
  Finish(ToGrpc(status));
}

}  // namespace ferry
