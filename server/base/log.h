// Log() writes one event as one line on stderr.
//
//   Log(LogLevel::kInfo, "model loaded",
//       {{"model", name}, {"device", device}, {"seconds", elapsed}});
//
// The one global of the process, because stderr is one: what is written before
// SetLog() is text, from kInfo up. An error is returned or logged, never both.
// While there is a LogWriter, lines are written by its thread.
//
// Threads:  Log() thread-safe, a line is never cut by another; SetLog() once,
//           at start, before other threads log.

#ifndef SERVER_BASE_LOG_H_
#define SERVER_BASE_LOG_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "server/base/log_line.h"

namespace ferry {

// Lines below `lowest` are dropped from here on.
void SetLog(LogFormat format, LogLevel lowest);

void Log(LogLevel level, std::string_view event,
         std::initializer_list<LogField> fields = {});

// The line that says that so many could not be written.
std::string LinesLeftOut(uint64_t count);

}  // namespace ferry

#endif  // SERVER_BASE_LOG_H_
