#include "server/base/ids.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"

namespace ferry {
namespace {

bool MayFollow(char c) {
  return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-';
}

}  // namespace

absl::Status CheckModelName(std::string_view name) {
  const bool right = !name.empty() && name.size() <= kModelNameLengthMax &&
                     absl::ascii_isalnum(name.front()) &&
                     std::ranges::all_of(name, MayFollow);
  if (right) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "model name ", Shown(name), ": must be 1 to ", kModelNameLengthMax,
      " letters, digits, '.', '_' or '-', the first a letter or digit"));
}

absl::StatusOr<int64_t> ParseVersion(std::string_view text) {
  const bool digits =
      !text.empty() && text.front() != '0' &&
      std::ranges::all_of(text, [](char c) { return absl::ascii_isdigit(c); });
  int64_t version = 0;
  if (digits && absl::SimpleAtoi(AbslView(text), &version)) return version;
  return absl::InvalidArgumentError(absl::StrCat(
      "version ", Shown(text),
      ": must be a positive integer in decimal, without a leading zero"));
}

std::string Shown(std::string_view text) {
  // Every byte takes one character or more: the cut needs no more than these.
  std::string escaped =
      absl::CHexEscape(AbslView(text.substr(0, kShownLengthMax + 1)));
  if (escaped.size() <= kShownLengthMax) {
    return absl::StrCat("\"", escaped, "\"");
  }
  escaped.resize(kShownLengthMax);
  return absl::StrCat("\"", escaped, "\"...");
}

std::string QuotedModel(std::string_view name) {
  return absl::StrCat(
      "model \"", absl::CEscape(AbslView(name.substr(0, kModelNameLengthMax))),
      "\"");
}

}  // namespace ferry
