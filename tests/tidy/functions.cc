#include "tests/tidy/functions.h"

#include <cstddef>
#include <regex>
#include <string_view>

namespace ferry::tidy_test {
namespace {

// Without the comment behind it.
std::string_view Code(std::string_view line) {
  const size_t comment = line.find("//");
  if (comment != std::string_view::npos) line = line.substr(0, comment);
  const size_t last = line.find_last_not_of(' ');
  return line.substr(0, last == std::string_view::npos ? 0 : last + 1);
}

bool StandsAt(size_t indentation, const std::string& line) {
  return Code(line).find_first_not_of(' ') == indentation;
}

// Each line of a raw string but its first and last is empty.
std::vector<std::string> WithoutRawStrings(std::vector<std::string> lines) {
  static const std::regex kRawString(R"re(R"(\w*)\()re");
  std::string end;
  for (std::string& line : lines) {
    std::smatch match;
    if (!end.empty()) {
      const bool ends = line.find(end) != std::string::npos;
      line = ends ? line.substr(line.find(end)) : "";
      if (ends) end.clear();
    } else if (std::regex_search(line, match, kRawString) &&
               line.find(")" + match[1].str() + "\"") == std::string::npos) {
      end = ")" + match[1].str() + "\"";
    }
  }
  return lines;
}

// What stands from one line at an indentation to its `;` or last brace.
struct Statement {
  std::string head;  // Up to its first brace.
  size_t lines = 0;
  bool has_block = false;
  bool ends_in_brace = false;  // Not in `};`, as a class or a value does.
};

Statement ReadStatement(const std::vector<std::string>& lines, size_t begin,
                        size_t indentation) {
  Statement statement;
  for (size_t i = begin; i < lines.size(); ++i) {
    const std::string_view code = Code(lines[i]);
    if (statement.has_block && StandsAt(indentation, lines[i])) {
      // Anything but a brace begins the next statement.
      statement.lines += code[indentation] == '}' ? 1 : 0;
      statement.ends_in_brace = code == std::string(indentation, ' ') + "}";
      return statement;
    }
    ++statement.lines;
    if (statement.has_block) continue;
    statement.head += code.substr(0, code.find('{'));
    statement.has_block = code.ends_with('{');
    if (code.ends_with(';') || code.ends_with('}')) return statement;
  }
  return statement;
}

// The last name in front of the first parenthesis.
std::string Name(const std::string& head) {
  static const std::regex kName(R"(([\w:~]+|operator\W+)\()");
  std::smatch match;
  return std::regex_search(head, match, kName) ? match[1].str() : head;
}

void Collect(const std::vector<std::string>& lines, size_t begin, size_t end,
             size_t indentation, std::vector<Function>& functions) {
  static const std::regex kSpace(R"(^(namespace|extern "C")[^;=]*\{.*)");
  static const std::regex kClass(
      R"(^\s*(template <.*>)?\s*(class|struct|union) .*)");
  for (size_t i = begin; i < end;) {
    if (!StandsAt(indentation, lines[i]) || lines[i].starts_with('#') ||
        lines[i][indentation] == '}' || std::regex_match(lines[i], kSpace)) {
      ++i;
      continue;
    }
    const Statement statement = ReadStatement(lines, i, indentation);
    if (!statement.has_block) {
      // A declaration, or a definition on one line.
    } else if (!statement.ends_in_brace) {
      if (std::regex_match(statement.head, kClass)) {
        Collect(lines, i + 1, i + statement.lines - 1, indentation + 2,
                functions);
      }
    } else {
      functions.push_back({Name(statement.head), statement.lines});
    }
    i += statement.lines;
  }
}

}  // namespace

std::vector<Function> Functions(const std::vector<std::string>& lines) {
  std::vector<Function> functions;
  Collect(WithoutRawStrings(lines), 0, lines.size(), 0, functions);
  return functions;
}

}  // namespace ferry::tidy_test
