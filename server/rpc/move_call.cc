#include "server/rpc/move_call.h"

#include <utility>

#include "server/rpc/call_log.h"
#include "server/rpc/status_codec.h"

namespace ferry {

MoveCall::MoveCall(std::string_view method, std::string model, Encode encode,
                   grpc::CallbackServerContext& context, CallCount& calls)
    : method_(method),
      model_(std::move(model)),
      encode_(std::move(encode)),
      context_(context),
      counted_(calls) {}

void MoveCall::Start(const absl::Status& checked, const Begin& begin) {
  if (!checked.ok()) {
    End(checked);
    return;
  }
  // The mover may call back before this returns, and Finish may be over by
  // then; OnDone still waits for the handler. No lock is held: the callback may
  // run right here.
  Mover::Ticket ticket = begin(
      [this](const absl::StatusOr<MoveOutcome>& outcome) { End(outcome); });
  MutexLock lock(mutex_);
  ticket_ = std::move(ticket);
}

void MoveCall::End(const absl::StatusOr<MoveOutcome>& outcome) {
  if (outcome.ok()) encode_(*outcome);
  LogCallEnd(method_, model_, context_, outcome.status());
  Finish(ToGrpc(outcome.status()));
}

void MoveCall::OnCancel() {
  Mover::Ticket given_up;
  {
    MutexLock lock(mutex_);
    given_up = std::move(ticket_);
  }
  // Dies here, without the lock: its end may call End.
}

void MoveCall::OnDone() {
  {
    MutexLock lock(mutex_);  // After Start and OnCancel.
  }
  delete this;
}

}  // namespace ferry
