// Model names and versions: which texts may name a model.
//
// A name becomes a file name, a metric label and a log field, so it is
// [A-Za-z0-9][A-Za-z0-9._-]{0,127}: no separator, no "..", no control byte. A
// version is a positive integer in decimal, without a leading zero.
//
// Threads:  any.
// Fails:    INVALID_ARGUMENT when the text breaks the rule; the message shows
//           the text escaped and cut to kShownLengthMax, and the rule.
// Limits:   kModelNameLengthMax.

#ifndef SERVER_BASE_IDS_H_
#define SERVER_BASE_IDS_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ferry {

inline constexpr size_t kModelNameLengthMax = 128;
inline constexpr size_t kShownLengthMax = 64;

// A model: one version of what goes by a name. Version 0 is "whichever", as the
// text beside it says.
struct ModelId {
  std::string name;
  int64_t version = 0;

  auto operator<=>(const ModelId&) const = default;
};

absl::Status CheckModelName(std::string_view name);

absl::StatusOr<int64_t> ParseVersion(std::string_view text);

// `text` from outside as a message may show it: in quotes, escaped, cut to
// kShownLengthMax characters. The message rule for any name we did not choose.
std::string Shown(std::string_view text);

// "model \"hello\"", as messages begin. Cut where no name is as long.
std::string QuotedModel(std::string_view name);

}  // namespace ferry

#endif  // SERVER_BASE_IDS_H_
