#include "server/registry/destination.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"

namespace ferry {

absl::StatusOr<Destination> Destination::Parse(
    const std::vector<std::string>& devices) {
  Destination destination;
  if (devices.empty() || (devices.size() == 1 && devices[0] == "auto")) {
    destination.automatic = true;
    return destination;
  }
  for (const std::string& text : devices) {
    if (text == "auto") {
      return absl::InvalidArgumentError(
          "devices: \"auto\" stands alone, not beside other devices");
    }
    ASSIGN_OR_RETURN(const DeviceId device, DeviceId::Parse(text));
    destination.devices.push_back(device);
  }
  std::ranges::sort(destination.devices);
  if (const auto twice = std::ranges::adjacent_find(destination.devices);
      twice != destination.devices.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("devices: ", twice->ToString(), " is named twice"));
  }
  return destination;
}

}  // namespace ferry
