// ferryd: parse the settings, then Serve().

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"

#include "server/base/file_limit.h"
#include "server/base/log.h"
#include "server/base/log_writer.h"
#include "server/base/stop_signal.h"
#include "server/config.h"
#include "server/serve.h"

namespace ferry {
namespace {

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
  const LogWriter log_writer;  // Its thread must not take the signals.
  for (const Config::Setting& setting : config->settings) {
    Log(LogLevel::kInfo, "setting",
        {{"name", setting.name},
         {"value", absl::StrJoin(setting.values, " ")},
         {"from", setting.source}});
  }
  return Serve(*config, **signal);
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) { return ferry::Main(argc, argv); }
