// A StopSignal turns SIGTERM and SIGINT into a value that a thread waits for.
//
// A signal handler may do next to nothing, so there is none: the signals are
// blocked and read from a descriptor. Whoever drains may Wait() again: the
// second signal then means "stop now".
//
// Owns:     nothing but descriptors. The signals are blocked in the thread that
//           creates it and in every thread born afterwards: create it in main,
//           before any other. They stay so when it is gone: one that comes
//           while the process is ending must not change how it ends.
// Threads:  Wait() one thread at a time; Notify() any.
// Fails:    RESOURCE_EXHAUSTED when no file descriptor is left.

#ifndef SERVER_BASE_STOP_SIGNAL_H_
#define SERVER_BASE_STOP_SIGNAL_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/base/unique_fd.h"

namespace ferry {

class [[nodiscard]] StopSignal {
 public:
  // What Wait() returns after Notify(): no signal has this number.
  static constexpr int kNotified = 0;

  static absl::StatusOr<std::unique_ptr<StopSignal>> Create();

  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Blocks until a signal comes and returns its number, or kNotified. Each
  // signal and each Notify() is told once.
  int Wait();

  // Wait(), or nothing once `patience` has passed.
  std::optional<int> WaitFor(absl::Duration patience);

  // Wakes Wait() from code: the daemon has another reason to stop.
  void Notify();

 private:
  StopSignal(UniqueFd signals, UniqueFd wake)
      : signals_(std::move(signals)), wake_(std::move(wake)) {}

  const UniqueFd signals_;
  const UniqueFd wake_;
};

}  // namespace ferry

#endif  // SERVER_BASE_STOP_SIGNAL_H_
