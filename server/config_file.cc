#include "server/config_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
// Version 3.3 asserts that `[` is followed by a key, and reports below that it
// is not.
#define TOML_ASSERT(expr) static_assert(true)
#include <toml++/toml.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"

namespace ferry {
namespace {

// What a flag would be given to mean the same.
std::string Text(const toml::node& scalar) {
  if (const auto* text = scalar.as_string()) return text->get();
  if (const auto* number = scalar.as_integer()) {
    return absl::StrCat(number->get());
  }
  std::ostringstream stream;
  scalar.visit([&](const auto& value) { stream << value; });
  return stream.str();
}

// What the library says of the first thing that is not TOML.
std::string Sentence(const toml::parse_error& error) {
  std::string sentence(error.description());
  // It shows keys as they are.
  std::ranges::replace_if(
      sentence, [](unsigned char c) { return absl::ascii_iscntrl(c); }, ' ');
  if (!sentence.empty()) sentence[0] = absl::ascii_tolower(sentence[0]);
  const auto says = [&](std::string_view words) {
    return sentence.find(words) != std::string::npos;
  };
  // Of a key, or of a value that is one but too large, too deep or no day.
  for (const std::string_view words :
       {"redefine", "representable", "exceeded", " between "}) {
    if (says(words)) return sentence;
  }
  // Of a value that begins as none of TOML's does, or as a number.
  for (const std::string_view kind :
       {"parsing value", "integer", "floating-point", "boolean", "date",
        "parsing time"}) {
    if (!says(kind)) continue;
    return sentence + "; text is written in quotes, as in devices = \"cpu\"";
  }
  return sentence;
}

// Returns an error's sentence, or nothing.
std::string ReadValues(const toml::node& node, ConfigFile::Entry& entry) {
  if (node.is_table() || node.is_array_of_tables()) {
    return "is a table: settings are not grouped, write each as "
           "`name = value` above all tables";
  }
  const toml::array* array = node.as_array();
  if (array == nullptr) {
    entry.values = {Text(node)};
    return "";
  }
  for (const toml::node& element : *array) {
    if (!element.is_value()) return "holds an array or a table in its array";
    entry.values.push_back(Text(element));
  }
  return "";
}

// The line that is too long, the first is 1; 0 when there is none.
int TooLongLine(std::string_view text) {
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(AbslView(text), '\n')) {
    ++number;
    if (line.size() > kConfigLineBytesMax) return number;
  }
  return 0;
}

}  // namespace

ConfigFile ParseConfigFile(std::string_view text,
                           std::string_view display_path) {
  ConfigFile file;
  const std::string in_line = absl::StrCat(AbslView(display_path), ", line ");
  if (const int line = TooLongLine(text); line > 0) {
    file.errors.push_back(
        absl::StrCat(in_line, line, ": longer than ", kConfigLineBytesMax,
                     " bytes; an array may go over several lines"));
    return file;
  }
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::source_position at = parsed.error().source().begin;
    file.errors.push_back(absl::StrCat(in_line, at.line, ", column ", at.column,
                                       ": ", Sentence(parsed.error())));
    return file;
  }
  using Item = std::pair<const toml::key*, const toml::node*>;
  std::vector<Item> items;
  for (const auto& [key, node] : parsed.table())
    items.emplace_back(&key, &node);
  // The library keeps them in the order of the alphabet.
  std::ranges::sort(items, {}, [](const Item& item) {
    return item.first->source().begin.line;
  });
  for (const auto& [key, node] : items) {
    ConfigFile::Entry entry;
    entry.key = key->str();
    entry.line = static_cast<int>(key->source().begin.line);
    if (const std::string wrong = ReadValues(*node, entry); wrong.empty()) {
      file.entries.push_back(std::move(entry));
    } else {
      file.errors.push_back(absl::StrCat(in_line, entry.line, ": ",
                                         Shown(entry.key), " ", wrong));
    }
  }
  return file;
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
