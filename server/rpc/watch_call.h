// A WatchCall is one WatchModels: a client that is told of every change.
//
// However fast a model changes and however slowly the client reads, each model
// waits at most once to be sent, and is looked up when its turn comes: the
// client sees the newest state, and a slow one costs no memory.
//
// Owns:     its watch on the ModelTable, and itself: gRPC's OnDone deletes it.
// Threads:  changes, the drain and gRPC's callbacks come on any thread. Whoever
//           finds nobody at work takes the turn: looks a model up and starts
//           the write, without a lock. The write's end has the turn next.
// Limits:   one write at a time; names wait in a set.

#ifndef SERVER_RPC_WATCH_CALL_H_
#define SERVER_RPC_WATCH_CALL_H_

#include <atomic>
#include <deque>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "ferry/v1/model_service.pb.h"

#include "server/base/mutex.h"
#include "server/registry/model_table.h"

namespace ferry {

class WatchCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  // No names: all models. `open` is the number of watches there are; this one
  // counts in it while it lives.
  WatchCall(ModelTable& table, absl::flat_hash_set<std::string> names,
            grpc::CallbackServerContext& context, std::atomic<int>& open);

  WatchCall(const WatchCall&) = delete;
  WatchCall& operator=(const WatchCall&) = delete;

  // From the method's handler, once, before it returns the call to gRPC. A
  // stop of `drain` ends the call with UNAVAILABLE; `checked`, when it is an
  // error, ends it at once.
  void Start(const absl::Status& checked, std::stop_token drain);

 private:
  ~WatchCall() override { --open_; }

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  bool Wants(std::string_view name) const;
  void Changed(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  void EndWith(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

  // By whoever has the turn: starts the next write, finishes the call, or gives
  // the turn back.
  void Advance() ABSL_LOCKS_EXCLUDED(mutex_);
  // The next name to send; none when there is nothing more to say now.
  std::optional<std::string> TakeChanged() ABSL_LOCKS_EXCLUDED(mutex_);
  bool FillFromSnapshot() ABSL_LOCKS_EXCLUDED(mutex_);
  // False when the client never heard of the model, and it is gone.
  bool FillFromTable(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);

  ModelTable& table_;
  const absl::flat_hash_set<std::string> names_;
  grpc::CallbackServerContext& context_;
  std::atomic<int>& open_;

  // Made by Start, gone in OnDone.
  std::optional<ModelTable::Watch> watch_;
  std::optional<std::stop_callback<std::function<void()>>> on_drain_;

  Mutex mutex_;
  bool turn_taken_ ABSL_GUARDED_BY(mutex_) = true;  // By Start.
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> changed_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> waiting_ ABSL_GUARDED_BY(mutex_);
  // What there was at first; sent from the back.
  std::vector<ModelSnapshot> snapshot_ ABSL_GUARDED_BY(mutex_);
  bool snapshot_sent_ ABSL_GUARDED_BY(mutex_) = false;
  // Models that the client knows of.
  absl::flat_hash_set<std::string> shown_ ABSL_GUARDED_BY(mutex_);
  v1::WatchModelsResponse message_ ABSL_GUARDED_BY(mutex_);
  // The message that is being written; of whoever has the turn.
  grpc::ByteBuffer written_;
};

}  // namespace ferry

#endif  // SERVER_RPC_WATCH_CALL_H_
