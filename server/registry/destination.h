// A Destination is where a model shall serve: devices by name, or one device of
// the mover's choice.
//
// Threads:  any; a plain value.
// Fails:    INVALID_ARGUMENT for what is no device, for a device named twice
//           and for "auto" beside devices.

#ifndef SERVER_REGISTRY_DESTINATION_H_
#define SERVER_REGISTRY_DESTINATION_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "server/devices/device.h"

namespace ferry {

struct Destination {
  std::vector<DeviceId> devices;  // Sorted: the order says nothing.
  bool automatic = false;

  // "auto", or devices as in LoadModelRequest; empty is "auto".
  static absl::StatusOr<Destination> Parse(
      const std::vector<std::string>& devices);
  bool operator==(const Destination&) const = default;
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_DESTINATION_H_
