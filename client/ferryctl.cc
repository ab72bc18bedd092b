// ferryctl: the command line of a ferryd. Its first SIGINT or SIGTERM ends what
// is under way in order (a load is undone, a load test prints its summary), its
// second ends the process.

#include "client/ctl/ferryctl.h"

#include <iostream>
#include <memory>
#include <stop_token>
#include <unistd.h>

#include <sys/ioctl.h>

#include "server/base/stop_signal.h"
#include "server/base/worker.h"

namespace {

constexpr int kExitBySignal = 128;  // As shells count.

int TerminalColumns() {
  winsize size = {};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return known && size.ws_col > 1 ? size.ws_col : 80;
}

}  // namespace

int main(int argc, char** argv) {
  const auto signals = ferry::StopSignal::Create();
  if (!signals.ok()) {
    std::cerr << "ferryctl: " << signals.status().message() << "\n";
    return static_cast<int>(signals.status().code());
  }
  std::stop_source stop;
  int exit_status = 0;
  {
    const ferry::Worker waiter("signals", [&] {
      if ((*signals)->Wait() == ferry::StopSignal::kNotified) return;
      stop.request_stop();
      const int second = (*signals)->Wait();
      if (second != ferry::StopSignal::kNotified) {
        _exit(kExitBySignal + second);
      }
    });
    ferry::client::Console console{
        .in = std::cin,
        .out = std::cout,
        .err = std::cerr,
        .out_is_terminal = isatty(STDOUT_FILENO) == 1,
        .columns = TerminalColumns()};
    exit_status =
        ferry::client::RunFerryctl(argc, argv, console, stop.get_token());
    (*signals)->Notify();
  }
  return exit_status;
}
