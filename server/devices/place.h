// A Place is where a model's bytes can be: on the disk, in host memory, or in
// the memory of a device.
//
// Host memory is the cpu's and goes by its name, as in the budgets: what waits
// there for a device and what the cpu serves from are the same bytes.
//
// Threads:  any; a plain value.

#ifndef SERVER_DEVICES_PLACE_H_
#define SERVER_DEVICES_PLACE_H_

#include <string>
#include <vector>

#include "server/devices/device.h"

namespace ferry {

class Place {
 public:
  static constexpr Place Disk() { return Place(true, kCpu); }
  static constexpr Place Host() { return Place(false, kCpu); }
  static constexpr Place On(DeviceId device) { return Place(false, device); }

  bool is_disk() const { return disk_; }
  bool is_host() const { return !disk_ && device_ == kCpu; }
  // Whose memory it is; not for the disk.
  DeviceId device() const { return device_; }

  // "disk", "cpu", "sim:0".
  std::string ToString() const { return disk_ ? "disk" : device_.ToString(); }

  auto operator<=>(const Place&) const = default;

 private:
  constexpr Place(bool disk, DeviceId device) : disk_(disk), device_(device) {}

  bool disk_;
  DeviceId device_;
};

inline std::vector<Place> PlacesOn(const std::vector<DeviceId>& devices) {
  std::vector<Place> places;
  for (const DeviceId device : devices) places.push_back(Place::On(device));
  return places;
}

}  // namespace ferry

#endif  // SERVER_DEVICES_PLACE_H_
