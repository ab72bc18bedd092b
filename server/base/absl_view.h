// AbslView() hands a std::string_view to Abseil.
//
// Debian and Ubuntu build Abseil with a string_view of its own, which takes a
// std::string but neither takes nor gives a std::string_view:
//   absl::StrCat("model ", AbslView(name))
// Our interfaces use the standard one; this file goes away when they are one.
//
// Owns:     nothing; the view is as short-lived as `text`.
// Threads:  any.

#ifndef SERVER_BASE_ABSL_VIEW_H_
#define SERVER_BASE_ABSL_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace ferry {

inline absl::string_view AbslView(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace ferry

#endif  // SERVER_BASE_ABSL_VIEW_H_
