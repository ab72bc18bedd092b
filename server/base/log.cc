#include "server/base/log.h"

#include <atomic>
#include <memory>
#include <string>

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "absl/time/clock.h"

#include "server/base/log_writer.h"

namespace ferry {
namespace {

std::atomic<LogFormat> log_format = LogFormat::kText;

// Never destroyed: threads may log until the process has ended.
spdlog::logger& Logger() {
  static spdlog::logger* const logger = [] {
    auto* made = new spdlog::logger(
        "ferry", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

}  // namespace

void SetLog(LogFormat format, LogLevel lowest) {
  log_format = format;
  Logger().set_level(SpdlogLevel(lowest));
}

void Log(LogLevel level, std::string_view event,
         std::initializer_list<LogField> fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(SpdlogLevel(level))) return;
  const std::string line =
      LogLine(log_format, absl::Now(), level, event, fields);
  if (LogWriter::LogAside(line + "\n")) return;
  logger.log(SpdlogLevel(level), spdlog::string_view_t(line));
}

std::string LinesLeftOut(uint64_t count) {
  return LogLine(log_format, absl::Now(), LogLevel::kWarning,
                 "log lines left out: stderr is read too slowly",
                 {{"lines", count}}) +
         "\n";
}

}  // namespace ferry
