// A StopScope says when what its thread runs is to end early.
//
// LibTorch has no way to end a program that runs. So who wants to be stopped
// asks ThrowIfStopped: a loop that a file runs while it is loaded
// (loop_guard.h), and every operator while an OperatorStops lives. One operator
// is not stopped in the middle, nor is what it started on a GPU.
//
// Threads:  each counts for the thread that made it, and ends there.
// Units:    absl times.

#ifndef SERVER_EXECUTORS_TORCH_STOP_SCOPE_H_
#define SERVER_EXECUTORS_TORCH_STOP_SCOPE_H_

#include <stop_token>

#include <c10/core/impl/LocalDispatchKeySet.h>

#include "absl/time/time.h"

namespace ferry {

class [[nodiscard]] StopScope {
 public:
  // Until `stop` is asked for, or `limit` from now is over.
  explicit StopScope(std::stop_token stop,
                     absl::Duration limit = absl::InfiniteDuration());
  ~StopScope();

  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

  bool stopped() const;

 private:
  const std::stop_token stop_;
  const absl::Duration until_;  // Of the monotonic clock.
  const StopScope* const former_;
};

// A std::runtime_error when this thread's innermost StopScope has stopped;
// nothing without one.
void ThrowIfStopped();

class [[nodiscard]] OperatorStops {
 public:
  OperatorStops();

 private:
  // A mode of LibTorch's dispatcher: it sees every operator of this thread, and
  // costs other threads nothing.
  const c10::impl::IncludeDispatchKeyGuard mode_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_STOP_SCOPE_H_
