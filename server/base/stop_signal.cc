#include "server/base/stop_signal.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "absl/memory/memory.h"
#include "absl/status/status.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"

namespace ferry {
namespace {

sigset_t StopSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

// poll()'s milliseconds for `patience`, rounded up so as not to spin.
int Milliseconds(absl::Duration patience) {
  const absl::Duration bounded =
      std::clamp(patience, absl::ZeroDuration(), absl::Hours(24));
  return static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(bounded, absl::Milliseconds(1))));
}

}  // namespace

absl::StatusOr<std::unique_ptr<StopSignal>> StopSignal::Create() {
  const sigset_t set = StopSignals();
  UniqueFd signals(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals) return absl::ErrnoToStatus(errno, "stop signal: signalfd");
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE));
  if (!wake) return absl::ErrnoToStatus(errno, "stop signal: eventfd");
  INVARIANT(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  return absl::WrapUnique(new StopSignal(std::move(signals), std::move(wake)));
}

int StopSignal::Wait() {
  for (;;) {
    if (const auto told = WaitFor(absl::InfiniteDuration())) return *told;
  }
}

std::optional<int> StopSignal::WaitFor(absl::Duration patience) {
  const absl::Duration end = MonotonicNow() + patience;
  for (;;) {
    signalfd_siginfo signal;
    if (::read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
      return static_cast<int>(signal.ssi_signo);
    }
    uint64_t notifications = 0;
    if (::read(wake_.get(), &notifications, sizeof(notifications)) ==
        sizeof(notifications)) {
      return kNotified;
    }
    const absl::Duration left = end - MonotonicNow();
    if (left <= absl::ZeroDuration()) return std::nullopt;
    std::array<pollfd, 2> ready = {
        {{signals_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    // Whatever ends it (also EINTR), the descriptors are looked at again.
    ::poll(ready.data(), ready.size(), Milliseconds(left));
  }
}

void StopSignal::Notify() {
  const uint64_t one = 1;
  INVARIANT(::write(wake_.get(), &one, sizeof(one)) == sizeof(one));
}

}  // namespace ferry
