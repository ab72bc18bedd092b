#include "server/base/log_line.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include "server/base/absl_view.h"

namespace ferry {
namespace {

constexpr std::array<std::string_view, 4> kTextLevels = {"DEBUG", "INFO ",
                                                         "WARN ", "ERROR"};
constexpr std::array<std::string_view, 4> kJsonLevels = {"debug", "info",
                                                         "warning", "error"};
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD.

unsigned char Byte(std::string_view text, size_t index) {
  return index < text.size() ? static_cast<unsigned char>(text[index]) : 0;
}

// The length of the UTF-8 sequence at the front of `text`, by table 3-7 of the
// Unicode standard; 0 when there is none.
size_t SequenceLength(std::string_view text) {
  const unsigned char lead = Byte(text, 0);
  const unsigned char second = Byte(text, 1);
  const auto is_tail = [](unsigned char byte) { return (byte & 0xC0) == 0x80; };
  if (lead < 0x80) return 1;
  if (lead < 0xC2 || lead > 0xF4 || !is_tail(second)) return 0;
  if (lead < 0xE0) return 2;
  if (!is_tail(Byte(text, 2))) return 0;
  if (lead < 0xF0) {
    const bool overlong = lead == 0xE0 && second < 0xA0;
    const bool surrogate = lead == 0xED && second > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (!is_tail(Byte(text, 3))) return 0;
  const bool overlong = lead == 0xF0 && second < 0x90;
  const bool beyond = lead == 0xF4 && second > 0x8F;
  return overlong || beyond ? 0 : 4;
}

// A JSON string, in its quotes; the text form quotes its values the same way.
void AppendQuoted(std::string& line, std::string_view text) {
  line += '"';
  while (!text.empty()) {
    const char c = text.front();
    const size_t length = SequenceLength(text);
    if (length == 0) {
      line += kReplacement;
    } else if (c == '"' || c == '\\') {
      line += '\\';
      line += c;
    } else if (c == '\n') {
      line += "\\n";
    } else if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      absl::StrAppendFormat(&line, "\\u%04x", static_cast<unsigned char>(c));
    } else {
      line.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
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
