// Refusal() is the INVALID_ARGUMENT that says what is wrong with a file.
//
// Threads:  any.

#ifndef SERVER_FORMATS_REFUSAL_H_
#define SERVER_FORMATS_REFUSAL_H_

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "server/base/absl_view.h"

namespace ferry {

template <typename T>
const T& RefusalPart(const T& part) {
  return part;
}
inline absl::string_view RefusalPart(const std::string_view& part) {
  return AbslView(part);
}

// The parts, one behind the other.
template <typename... Parts>
absl::Status Refusal(const Parts&... parts) {
  return absl::InvalidArgumentError(absl::StrCat(RefusalPart(parts)...));
}

// The same error, saying first which file, or which record, it is about.
absl::Status InFile(std::string_view path, const absl::Status& status);
absl::Status InRecord(std::string_view name, const absl::Status& status);

}  // namespace ferry

#endif  // SERVER_FORMATS_REFUSAL_H_
