#include "client/ctl/type_name.h"

#include <array>
#include <cstddef>
#include <utility>

#include "client/value.h"

namespace ferry::client {
namespace {

using Kind = TypeName::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 5> kScalars = {
    {{"Tensor", Kind::kTensor},
     {"int", Kind::kInt},
     {"float", Kind::kFloat},
     {"bool", Kind::kBool},
     {"str", Kind::kStr}}};

constexpr std::array<std::pair<std::string_view, Kind>, 4> kContainers = {
    {{"Optional", Kind::kOptional},
     {"List", Kind::kList},
     {"Tuple", Kind::kTuple},
     {"Dict", Kind::kDict}}};

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// The parts of "int, List[int]" between the commas outside brackets.
std::vector<std::string_view> Parts(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[') ++depth;
    if (text[i] == ']') --depth;
    if (text[i] == ',' && depth == 0) {
      parts.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  parts.push_back(text.substr(start));
  return parts;
}

bool CountFits(Kind kind, size_t count) {
  switch (kind) {
    case Kind::kOptional:
    case Kind::kList:
      return count == 1;
    case Kind::kDict:
      return count == 2;
    default:
      return true;
  }
}

TypeName Parse(std::string_view text, int depth) {
  text = Trimmed(text);
  for (const auto& [name, kind] : kScalars) {
    if (text == name) return {.kind = kind, .elements = {}};
  }
  const size_t bracket = text.find('[');
  if (depth >= Value::kDepthMax || bracket == std::string_view::npos ||
      !text.ends_with(']')) {
    return {};
  }
  for (const auto& [name, kind] : kContainers) {
    if (text.substr(0, bracket) != name) continue;
    TypeName type{.kind = kind, .elements = {}};
    const std::string_view inside =
        text.substr(bracket + 1, text.size() - bracket - 2);
    for (const std::string_view part : Parts(inside)) {
      type.elements.push_back(Parse(part, depth + 1));
    }
    return CountFits(kind, type.elements.size()) ? type : TypeName{};
  }
  return {};
}

}  // namespace

TypeName ParseTypeName(std::string_view text) { return Parse(text, 0); }

}  // namespace ferry::client
