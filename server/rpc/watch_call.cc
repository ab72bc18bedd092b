#include "server/rpc/watch_call.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"

#include "server/base/absl_view.h"
#include "server/rpc/call_log.h"
#include "server/rpc/model_codec.h"
#include "server/rpc/status_codec.h"
#include "server/rpc/wire_scan.h"

namespace ferry {

WatchCall::WatchCall(ModelTable& table, absl::flat_hash_set<std::string> names,
                     grpc::CallbackServerContext& context,
                     std::atomic<int>& open)
    : table_(table), names_(std::move(names)), context_(context), open_(open) {
  ++open_;
}

void WatchCall::Start(const absl::Status& checked, std::stop_token drain) {
  if (!checked.ok()) {
    EndWith(checked);
    Advance();
    return;
  }
  // Watched before it is listed, so that no change falls between.
  watch_.emplace(
      table_.WatchChanges([this](std::string_view name) { Changed(name); }));
  std::vector<ModelSnapshot> snapshot = table_.List();
  std::erase_if(snapshot, [this](const ModelSnapshot& model) {
    return !Wants(model.id.name);
  });
  std::ranges::reverse(snapshot);
  {
    MutexLock lock(mutex_);
    snapshot_ = std::move(snapshot);
  }
  on_drain_.emplace(std::move(drain), [this] {
    EndWith(absl::UnavailableError("the server is draining; watch another"));
  });
  Advance();
}

bool WatchCall::Wants(std::string_view name) const {
  return names_.empty() || names_.contains(AbslView(name));
}

void WatchCall::Changed(std::string_view name) {
  if (!Wants(name)) return;
  {
    MutexLock lock(mutex_);
    if (waiting_.insert(std::string(name)).second) changed_.emplace_back(name);
    if (std::exchange(turn_taken_, true)) return;
  }
  Advance();
}

void WatchCall::EndWith(absl::Status status) {
  {
    MutexLock lock(mutex_);
    if (!end_.has_value()) end_ = std::move(status);
    if (std::exchange(turn_taken_, true)) return;
  }
  Advance();
}

void WatchCall::OnWriteDone(bool ok) {
  if (!ok) EndWith(absl::CancelledError("the client went away"));
  Advance();  // The turn is still ours: it was the write's.
}

void WatchCall::OnCancel() {
  EndWith(absl::CancelledError("the client went away"));
}

void WatchCall::Advance() {
  bool filled = FillFromSnapshot();
  while (!filled) {
    const std::optional<std::string> name = TakeChanged();
    if (!name.has_value()) return;
    filled = FillFromTable(*name);
  }
  StartWrite(&written_);
}

std::optional<std::string> WatchCall::TakeChanged() {
  absl::Status end;
  {
    MutexLock lock(mutex_);
    if (!end_.has_value()) {
      if (changed_.empty()) {
        turn_taken_ = false;
        return std::nullopt;
      }
      std::string name = std::move(changed_.front());
      changed_.pop_front();
      waiting_.erase(name);
      return name;
    }
    end = *end_;
  }
  // The turn is never given back: nothing comes after Finish.
  LogCallEnd("WatchModels", "", context_, end);
  Finish(ToGrpc(end));
  return std::nullopt;
}

bool WatchCall::FillFromSnapshot() {
  MutexLock lock(mutex_);
  if (snapshot_sent_ || end_.has_value()) return false;
  message_.Clear();
  if (!snapshot_.empty()) {
    EncodeModel(snapshot_.back(), *message_.mutable_model());
    shown_.insert(std::move(snapshot_.back().id.name));
    snapshot_.pop_back();
  }
  snapshot_sent_ = snapshot_.empty();
  message_.set_snapshot_complete(snapshot_sent_);
  WriteMessage(message_, written_);
  return true;
}

bool WatchCall::FillFromTable(const std::string& name) {
  const absl::StatusOr<ModelSnapshot> model = table_.Get(name);
  MutexLock lock(mutex_);
  message_.Clear();
  if (model.ok()) {
    shown_.insert(name);
    EncodeModel(*model, *message_.mutable_model());
  } else if (shown_.erase(name) != 0) {
    message_.mutable_model()->set_name(name);
    message_.set_removed(true);
  } else {
    return false;
  }
  WriteMessage(message_, written_);
  return true;
}

void WatchCall::OnDone() {
  // Neither calls us any more once it is gone.
  on_drain_.reset();
  watch_.reset();
  delete this;
}

}  // namespace ferry
