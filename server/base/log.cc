#include "server/base/log.h"

#include <atomic>
#include <cstdio>
#include <string>

#include "absl/time/clock.h"

#include "server/base/log_writer.h"

namespace ferry {
namespace {

std::atomic<LogFormat> log_format = LogFormat::kText;
std::atomic<LogLevel> log_lowest = LogLevel::kInfo;

}  // namespace

void SetLog(LogFormat format, LogLevel lowest) {
  log_format = format;
  log_lowest = lowest;
}

void Log(LogLevel level, std::string_view event,
         std::initializer_list<LogField> fields) {
  if (level < log_lowest) return;
  const std::string line =
      LogLine(log_format, absl::Now(), level, event, fields) + "\n";
  if (LogWriter::LogAside(line)) return;
  // In one call, which another thread's waits for.
  std::fwrite(line.data(), 1, line.size(), stderr);
}

std::string LinesLeftOut(uint64_t count) {
  return LogLine(log_format, absl::Now(), LogLevel::kWarning,
                 "log lines left out: stderr is read too slowly",
                 {{"lines", count}}) +
         "\n";
}

}  // namespace ferry
