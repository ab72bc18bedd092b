#include "server/formats/refusal.h"

#include "absl/strings/escaping.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"

namespace ferry {

absl::Status InFile(std::string_view path, const absl::Status& status) {
  return absl::Status(status.code(),
                      absl::StrCat(absl::Utf8SafeCHexEscape(AbslView(path)),
                                   ": ", status.message()));
}

absl::Status InRecord(std::string_view name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("record ", Shown(name), ": ",
                                                  status.message()));
}

}  // namespace ferry
