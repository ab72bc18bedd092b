#include "server/base/log_line.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "server/base/absl_view.h"
#include "server/base/utf8.h"

namespace ferry {
namespace {

constexpr std::array<std::string_view, 4> kTextLevels = {"DEBUG", "INFO ",
                                                         "WARN ", "ERROR"};
constexpr std::array<std::string_view, 4> kJsonLevels = {"debug", "info",
                                                         "warning", "error"};

// A JSON string, in its quotes; the text form quotes its values the same way.
void AppendQuoted(std::string& line, std::string_view text) {
  line += '"';
  for (const char c : ToUtf8(text)) {
    if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&line, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      line += c;
    }
  }
  line += '"';
}

bool IsPlain(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c)) && c != '"' &&
           c != '\\' && c != '=';
  });
}

void AppendValue(std::string& line, LogFormat format, const LogField& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    if (format == LogFormat::kText && IsPlain(*text)) {
      line += *text;
    } else {
      AppendQuoted(line, *text);
    }
  } else if (const auto* flag = std::get_if<bool>(&field.value)) {
    line += *flag ? "true" : "false";
  } else if (const auto* number = std::get_if<double>(&field.value)) {
    // JSON has no word for what is not finite.
    line += std::isfinite(*number) ? absl::StrCat(*number) : "null";
  } else if (const auto* count = std::get_if<int64_t>(&field.value)) {
    absl::StrAppend(&line, *count);
  } else {
    absl::StrAppend(&line, std::get<uint64_t>(field.value));
  }
}

}  // namespace

std::string LogLine(LogFormat format, absl::Time time, LogLevel level,
                    std::string_view event,
                    std::initializer_list<LogField> fields) {
  const std::string when =
      absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
  const auto index = static_cast<size_t>(level);
  std::string line;
  if (format == LogFormat::kText) {
    line = absl::StrCat(when, " ", AbslView(kTextLevels[index]), " ",
                        AbslView(event));
    for (const LogField& field : fields) {
      absl::StrAppend(&line, " ", AbslView(field.key), "=");
      AppendValue(line, format, field);
    }
    return line;
  }
  line = absl::StrCat("{\"time\":\"", when, "\",\"level\":\"",
                      AbslView(kJsonLevels[index]), "\",\"event\":");
  AppendQuoted(line, event);
  for (const LogField& field : fields) {
    line += ',';
    AppendQuoted(line, field.key);
    line += ':';
    AppendValue(line, format, field);
  }
  line += '}';
  return line;
}

}  // namespace ferry
