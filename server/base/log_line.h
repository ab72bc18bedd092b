// A log line is one event and its fields, as text or as one JSON object.
//
// The two forms carry the same words in the same order:
//   2026-01-01T00:00:00.000Z INFO  model loaded model=silero device=sim:0
//   {"time":"2026-01-01T00:00:00.000Z","level":"info","event":"model loaded",…}
// Whatever a value holds, the line stays one line and JSON stays valid: control
// bytes are escaped, and bytes that are not UTF-8 become U+FFFD.
//
// Threads:  any.

#ifndef SERVER_BASE_LOG_LINE_H_
#define SERVER_BASE_LOG_LINE_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/time/time.h"

namespace ferry {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kText, kJson };

// One key and its value; both are read before Log() returns, never kept. A
// Duration is written as seconds.
struct LogField {
  LogField(std::string_view key, std::string_view value)
      : key(key), value(value) {}
  LogField(std::string_view key, const std::string& value)
      : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, const char* value)
      : LogField(key, std::string_view(value)) {}
  LogField(std::string_view key, bool value) : key(key), value(value) {}
  LogField(std::string_view key, double value) : key(key), value(value) {}
  LogField(std::string_view key, absl::Duration value)
      : key(key), value(absl::ToDoubleSeconds(value)) {}
  template <std::integral T>
  LogField(std::string_view key, T value) : key(key) {
    if constexpr (std::is_signed_v<T>) {
      this->value = static_cast<int64_t>(value);
    } else {
      this->value = static_cast<uint64_t>(value);
    }
  }

  std::string_view key;
  std::variant<std::string_view, bool, int64_t, uint64_t, double> value;
};

// Without the line feed. Keys and events are ours: lower case, no quotes.
std::string LogLine(LogFormat format, absl::Time time, LogLevel level,
                    std::string_view event,
                    std::initializer_list<LogField> fields);

}  // namespace ferry

#endif  // SERVER_BASE_LOG_LINE_H_
