// A MoveCall is one LoadModel, MigrateModel or UnloadModel, from its arrival to
// its answer.
//
// It waits without a thread: the mover calls back. When the client goes away it
// gives up its Ticket, and with it the client's interest in the move.
//
// Owns:     the Ticket; and itself: gRPC's OnDone deletes it, which comes after
//           the handler has returned (so the Ticket is in place), after Finish
//           (so the mover has called back) and after OnCancel.
// Threads:  Start on gRPC's; the mover's callback and OnCancel on any.

#ifndef SERVER_RPC_MOVE_CALL_H_
#define SERVER_RPC_MOVE_CALL_H_

#include <functional>
#include <string>
#include <string_view>

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/base/mutex.h"
#include "server/registry/mover.h"
#include "server/base/call_count.h"

namespace ferry {

class MoveCall final : public grpc::ServerUnaryReactor {
 public:
  using Begin = std::function<Mover::Ticket(MoveDone done)>;
  using Encode = std::function<void(const MoveOutcome& outcome)>;

  // `method` is a literal. `encode` writes the response. `context` and `calls`
  // outlive the call.
  MoveCall(std::string_view method, std::string model, Encode encode,
           grpc::CallbackServerContext& context, CallCount& calls);

  MoveCall(const MoveCall&) = delete;
  MoveCall& operator=(const MoveCall&) = delete;

  // From the method's handler, once, before it returns the call to gRPC:
  // begins the move, or ends the call with the error that was found.
  void Start(const absl::Status& checked, const Begin& begin);

 private:
  ~MoveCall() override = default;

  void OnCancel() override;
  void OnDone() override;
  void End(const absl::StatusOr<MoveOutcome>& outcome);

  const std::string_view method_;
  const std::string model_;
  const Encode encode_;
  grpc::CallbackServerContext& context_;
  const CallCount::Call counted_;

  Mutex mutex_;
  Mover::Ticket ticket_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_RPC_MOVE_CALL_H_
