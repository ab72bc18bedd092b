// Decides how a model gets to where it shall serve.
//
// A pure function of a snapshot: it reads no clock, takes no lock, moves no
// bytes. registry/ takes the snapshot, asks, and carries out the answer.
//
// Threads:  any; there is no shared state.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT for no device or a device named twice;
//           NOT_FOUND for a device that is not there, naming those that are;
//           FAILED_PRECONDITION for a device that has failed;
//           RESOURCE_EXHAUSTED when a device or the host has no gap of the
//           size needed, or not all that is needed, with what was needed, free,
//           and the largest gap.

#ifndef SERVER_PLACEMENT_PLAN_MOVE_H_
#define SERVER_PLACEMENT_PLAN_MOVE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "server/devices/device.h"

namespace ferry {

struct DeviceSnapshot {
  DeviceId id;
  uint64_t capacity_bytes = 0;
  uint64_t used_bytes = 0;
  uint64_t largest_gap_bytes = 0;
  bool healthy = true;
};

struct MoveQuestion {
  std::string model;
  uint64_t size_bytes = 0;   // Of its image.
  uint64_t state_bytes = 0;  // Of what each place has beside it, if known.
  bool has_host_copy = false;
  std::vector<DeviceId> serving;  // Where it serves now; empty: nowhere.
  std::vector<DeviceId> wanted;   // Empty when `automatic`.
  bool automatic = false;         // Choose one device.
};

struct MovePlan {
  bool read_file = false;      // Fill the host copy first.
  std::vector<DeviceId> keep;  // Serves there already and shall go on.
  std::vector<DeviceId> fill;  // Needs an Instance; and bytes unless the cpu,
                               // which serves from the host copy.
  std::vector<DeviceId> drop;  // Serves there and shall not any more.
};

// `devices` holds every device, the cpu (whose arena is host memory) among
// them. Automatic placement leaves a model on the accelerator where it serves;
// otherwise it takes the accelerator with the largest gap that fits, or else
// the cpu.
absl::StatusOr<MovePlan> PlanMove(const std::vector<DeviceSnapshot>& devices,
                                  const MoveQuestion& question);

}  // namespace ferry

#endif  // SERVER_PLACEMENT_PLAN_MOVE_H_
