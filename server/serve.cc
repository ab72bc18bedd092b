#include "server/serve.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/log.h"
#include "server/base/log_writer.h"
#include "server/base/mutex.h"
#include "server/base/worker.h"

namespace ferry {
namespace {

// Written beside and renamed, so that whoever sees it sees all of it.
absl::Status WriteAddresses(const std::string& path, const Daemon& daemon) {
  if (path.empty()) return absl::OkStatus();
  const std::string unfinished = absl::StrCat(path, ".", getpid());
  std::ofstream file(unfinished);
  file << R"({"grpc":")" << daemon.grpc_address() << R"(","metrics":")"
       << daemon.metrics_address() << R"(","pid":)" << getpid() << "}\n";
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(unfinished, path, error);
  if (!file || error) {
    return absl::InvalidArgumentError(
        absl::StrCat("--address-file=", path, ": cannot be written"));
  }
  return absl::OkStatus();
}

// Why the process must end without having been asked to, told from any thread.
class Ending {
 public:
  explicit Ending(StopSignal& signal) : signal_(signal) {}

  // The first reason is the one that counts.
  void Tell(absl::Status why) {
    {
      MutexLock lock(mutex_);
      why_.Update(why);
    }
    signal_.Notify();
  }
  absl::Status why() const {
    MutexLock lock(mutex_);
    return why_;
  }

 private:
  StopSignal& signal_;
  mutable Mutex mutex_;
  absl::Status why_ ABSL_GUARDED_BY(mutex_);
};

void LogStopped(bool all_ended, const Stopwatch& since) {
  Log(all_ended ? LogLevel::kInfo : LogLevel::kWarning, "stopped",
      {{"all_requests_ended", all_ended}, {"seconds", since.Elapsed()}});
}

// Daemon::Drain, which a second signal cuts short. False when not all ended.
bool DrainUntilSignal(Daemon& daemon, const Config& config, StopSignal& signal,
                      int exit_code) {
  const Stopwatch since;
  std::atomic<bool> over{false};
  bool all_ended = false;
  {
    const Worker second("second-signal", [&] {
      // A load of --load that is undone notifies too.
      while (signal.Wait() == StopSignal::kNotified && !over) {
      }
      if (over) return;
      LogStopped(false, since);
      LogWriter::Flush();
      std::_Exit(exit_code);
    });
    all_ended = daemon.Drain(config.drain_max);
    over = true;
    signal.Notify();
  }
  LogStopped(all_ended, since);
  return all_ended;
}

}  // namespace

int Fail(const absl::Status& status, LogFormat format) {
  const std::string message(status.message());
  if (format == LogFormat::kJson) {
    Log(LogLevel::kError, "failed", {{"error", message}});
  } else {
    LogWriter::Flush();
    std::fprintf(stderr, "ferryd: %s\n", message.c_str());
  }
  return EXIT_FAILURE;
}

int Serve(const Config& config, StopSignal& signal,
          const std::function<void(Daemon&)>& ready) {
  const Stopwatch since_start;
  Ending ending(signal);
  std::atomic<bool> device_lost{false};
  auto daemon = Daemon::Start(config, [&](absl::Status why) {
    device_lost = true;
    ending.Tell(std::move(why));
  });
  if (!daemon.ok()) return Fail(daemon.status(), config.log_format);

  (*daemon)->LoadConfigured([&](absl::Status status) {
    if (status.ok()) status = WriteAddresses(config.address_file, **daemon);
    if (!status.ok()) {
      ending.Tell(std::move(status));
      return;
    }
    Log(LogLevel::kInfo, "ready",
        {{"grpc", (*daemon)->grpc_address()},
         {"metrics", (*daemon)->metrics_address()},
         {"seconds", since_start.Elapsed()}});
    if (ready) ready(**daemon);
  });

  const int number = signal.Wait();
  int exit_code = EXIT_SUCCESS;
  if (number == StopSignal::kNotified) {
    exit_code = Fail(ending.why(), config.log_format);
  } else {
    Log(LogLevel::kInfo, "draining",
        {{"signal", number}, {"limit_seconds", config.drain_max}});
  }
  // A forward that does not end cannot be ended: it is left behind. So is what
  // LibTorch holds on a device that has failed: its driver may not let go.
  const bool all_ended = DrainUntilSignal(**daemon, config, signal, exit_code);
  if (!all_ended || device_lost) {
    LogWriter::Flush();
    std::_Exit(exit_code);
  }
  daemon->reset();
  return exit_code;
}

}  // namespace ferry
