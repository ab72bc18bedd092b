// ferryd: parse, start, wait for a signal, drain, exit.

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

#include "server/base/clock.h"
#include "server/base/file_limit.h"
#include "server/base/log.h"
#include "server/base/log_writer.h"
#include "server/base/mutex.h"
#include "server/base/stop_signal.h"
#include "server/base/worker.h"
#include "server/config.h"
#include "server/daemon.h"

namespace ferry {
namespace {

// The last words: a line of the log for a machine, a sentence for people.
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

// How the models of --load came out, told from a mover's thread.
class Startup {
 public:
  void End(absl::Status status) {
    MutexLock lock(mutex_);
    status_ = std::move(status);
  }
  absl::Status status() const {
    MutexLock lock(mutex_);
    return status_;
  }

 private:
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
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

int Serve(const Config& config, StopSignal& signal) {
  const Stopwatch since_start;
  auto daemon = Daemon::Start(config);
  if (!daemon.ok()) return Fail(daemon.status(), config.log_format);

  Startup startup;
  (*daemon)->LoadConfigured([&](absl::Status status) {
    if (status.ok()) status = WriteAddresses(config.address_file, **daemon);
    if (status.ok()) {
      Log(LogLevel::kInfo, "ready",
          {{"grpc", (*daemon)->grpc_address()},
           {"metrics", (*daemon)->metrics_address()},
           {"seconds", since_start.Elapsed()}});
      return;
    }
    startup.End(std::move(status));
    signal.Notify();
  });

  const int number = signal.Wait();
  int exit_code = EXIT_SUCCESS;
  if (number == StopSignal::kNotified) {
    exit_code = Fail(startup.status(), config.log_format);
  } else {
    Log(LogLevel::kInfo, "draining",
        {{"signal", number}, {"limit_seconds", config.drain_max}});
  }
  // A forward that does not end cannot be ended: it is left behind.
  if (!DrainUntilSignal(**daemon, config, signal, exit_code)) {
    LogWriter::Flush();
    std::_Exit(exit_code);
  }
  daemon->reset();
  return exit_code;
}

int Main(int argc, char** argv) {
  auto config = ParseConfig(argc, argv);
  if (!config.ok()) return Fail(config.status(), LogFormat::kText);
  if (!config->information.empty()) {
    std::fputs(config->information.c_str(), stdout);
    return EXIT_SUCCESS;
  }
  // Debian builds Abseil with the search for lock cycles that is meant for
  // debugging: each lock of gRPC's would look itself up in a graph.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  SetLog(config->log_format, config->log_level);
  RaiseFileLimit();
  auto signal = StopSignal::Create();
  if (!signal.ok()) return Fail(signal.status(), config->log_format);
  const LogWriter
      log_writer;  // Behind the signals: its thread must not take them.
  for (const Config::Setting& setting : config->settings) {
    std::string values;
    for (const std::string& value : setting.values) {
      absl::StrAppend(&values, values.empty() ? "" : " ", value);
    }
    Log(LogLevel::kInfo, "setting",
        {{"name", setting.name}, {"value", values}, {"from", setting.source}});
  }
  return Serve(*config, **signal);
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) { return ferry::Main(argc, argv); }
