#include "server/config_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

bool IsBareKeyCharacter(char c) {
  return absl::ascii_isalnum(c) || c == '-' || c == '_';
}

// Reads one file from front to back. After a mistake it goes on with the next
// line, so that the rest is checked too.
class Reader {
 public:
  Reader(std::string_view text, std::string_view display_path)
      : text_(text), display_path_(display_path) {}

  ConfigFile Read() {
    while (SkipToKey()) {
      const int line = line_;
      absl::StatusOr<ConfigFile::Entry> entry = ReadEntry();
      if (!entry.ok()) {
        // Where it happened, which may be lines below the key.
        Report(line_, entry.status());
        SkipLine();
      } else if (!keys_.insert(entry->key).second) {
        Report(line, Wrong(absl::StrCat("the key ", Shown(entry->key),
                                        " is there twice")));
      } else {
        entry->line = line;
        file_.entries.push_back(*std::move(entry));
      }
    }
    return std::move(file_);
  }

 private:
  static absl::Status Wrong(std::string sentence) {
    return absl::InvalidArgumentError(std::move(sentence));
  }

  bool AtEnd() const { return position_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[position_]; }
  char Take() {
    const char c = Peek();
    if (c == '\n') ++line_;
    ++position_;
    return c;
  }

  void Report(int line, const absl::Status& status) {
    file_.errors.push_back(absl::StrCat(AbslView(display_path_), ", line ",
                                        line, ": ", status.message()));
  }

  void SkipBlanks() {
    while (Peek() == ' ' || Peek() == '\t' || Peek() == '\r') Take();
  }
  void SkipLine() {
    while (!AtEnd() && Peek() != '\n') Take();
  }
  // Blanks, comments and line ends.
  void SkipSpace() {
    while (!AtEnd()) {
      SkipBlanks();
      if (Peek() == '#') SkipLine();
      if (Peek() != '\n') return;
      Take();
    }
  }
  bool SkipToKey() {
    SkipSpace();
    return !AtEnd();
  }

  absl::StatusOr<ConfigFile::Entry> ReadEntry() {
    ConfigFile::Entry entry;
    if (Peek() == '[') {
      return Wrong(
          "a table: settings are not grouped, write `key = value` alone");
    }
    ASSIGN_OR_RETURN(entry.key, ReadKey());
    SkipBlanks();
    if (Peek() == '.') return Wrong("a dotted key: settings are not grouped");
    if (Peek() != '=') {
      return Wrong(
          absl::StrCat("expected `=` behind the key ", Shown(entry.key)));
    }
    Take();
    SkipBlanks();
    entry.is_array = Peek() == '[';
    if (entry.is_array) {
      ASSIGN_OR_RETURN(entry.values, ReadArray());
    } else {
      ASSIGN_OR_RETURN(entry.values.emplace_back(), ReadScalar());
    }
    SkipBlanks();
    if (Peek() == '#') SkipLine();
    if (!AtEnd() && Peek() != '\n') {
      return Wrong(absl::StrCat("unexpected text behind the value of ",
                                Shown(entry.key)));
    }
    return entry;
  }

  absl::StatusOr<std::string> ReadKey() {
    if (Peek() == '"' || Peek() == '\'') return ReadString();
    std::string key;
    while (IsBareKeyCharacter(Peek())) key.push_back(Take());
    if (key.empty()) return Wrong("expected a key, as in `key = value`");
    return key;
  }

  absl::StatusOr<std::vector<std::string>> ReadArray() {
    std::vector<std::string> values;
    Take();  // [
    while (true) {
      SkipSpace();
      if (AtEnd()) return Wrong("an array without its `]`");
      if (Peek() == ']') break;
      ASSIGN_OR_RETURN(values.emplace_back(), ReadScalar());
      SkipSpace();
      if (Peek() == ',') {
        Take();
      } else if (!AtEnd() && Peek() != ']') {
        return Wrong("expected `,` or `]` in an array");
      }
    }
    Take();  // ]
    return values;
  }

  absl::StatusOr<std::string> ReadScalar() {
    if (Peek() == '"' || Peek() == '\'') return ReadString();
    if (Peek() == '[' || Peek() == '{') {
      return Wrong("a nested value: only strings, integers and booleans here");
    }
    std::string word;
    while (IsBareKeyCharacter(Peek()) || Peek() == '+' || Peek() == '.' ||
           Peek() == ':') {
      word.push_back(Take());
    }
    if (word.empty()) return Wrong("expected a value");
    if (word == "true" || word == "false") return word;
    std::string digits = absl::StrReplaceAll(word, {{"_", ""}});
    int64_t number = 0;
    if (word.find('.') == std::string::npos &&
        absl::SimpleAtoi(digits, &number)) {
      return absl::StrCat(number);
    }
    return Wrong(absl::StrCat("the value ", Shown(word),
                              " is no integer or boolean: write a string in "
                              "quotes"));
  }

  absl::StatusOr<std::string> ReadString() {
    const char quote = Take();
    if (text_.substr(position_).starts_with(std::string(2, quote))) {
      return Wrong("a multi-line string: only one-line strings here");
    }
    std::string value;
    while (true) {
      if (AtEnd() || Peek() == '\n') return Wrong("a string without its end");
      const char c = Take();
      if (c == quote) return value;
      if (c == '\\' && quote == '"') {
        ASSIGN_OR_RETURN(const char escaped, ReadEscape());
        value.push_back(escaped);
      } else {
        value.push_back(c);
      }
    }
  }

  absl::StatusOr<char> ReadEscape() {
    constexpr std::string_view kLetters = "btnfr\"\\";
    constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
    const size_t index = kLetters.find(Peek());
    if (AtEnd() || index == std::string_view::npos) {
      return Wrong(
          "an unknown escape in a string: a backslash is written as "
          "two, or the string in single quotes");
    }
    Take();
    return kMeanings[index];
  }

  const std::string_view text_;
  const std::string_view display_path_;
  size_t position_ = 0;
  int line_ = 1;
  std::set<std::string> keys_;
  ConfigFile file_;
};

}  // namespace

ConfigFile ParseConfigFile(std::string_view text,
                           std::string_view display_path) {
  return Reader(text, display_path).Read();
}

ConfigFile ReadConfigFile(const std::string& path) {
  ConfigFile failed;
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string text(kConfigFileBytesMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!stream.is_open() || stream.bad() || stream.gcount() == 0) {
    // Reading a directory opens but fails; an empty file is allowed.
    if (errno != 0) {
      failed.errors.push_back(absl::StrCat(
          "--config=", path, ": cannot be read: ", std::strerror(errno)));
      return failed;
    }
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  if (text.size() > kConfigFileBytesMax) {
    failed.errors.push_back(absl::StrCat("--config=", path, ": longer than ",
                                         kConfigFileBytesMax, " bytes"));
    return failed;
  }
  return ParseConfigFile(text, path);
}

}  // namespace ferry
