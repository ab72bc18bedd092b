// A Residence is one device that serves a model: its copy of the weights and
// the Instance bound to it.
//
// A move makes new ones and retires old ones; nothing in a Residence changes
// while it serves but the number of its pins, and at last its damage.
//
// Owns:     the Instance, its state, and the WeightSet unless it serves from
//           the host copy. Dies only when no pin is left.
// Threads:  caller locks (the ModelTable's mutex) for pins
//           and damage.
// Units:    bytes.

#ifndef SERVER_REGISTRY_RESIDENCE_H_
#define SERVER_REGISTRY_RESIDENCE_H_

#include <memory>
#include <optional>

#include "absl/status/status.h"

#include "server/devices/device.h"
#include "server/executors/instance.h"
#include "server/weights/weight_set.h"

namespace ferry {

struct Residence {
  DeviceId device;
  std::optional<WeightSet> weights;  // Empty on the cpu: the host copy serves.
  std::optional<WeightSet> state;    // What the model may write to, if it does.
  std::unique_ptr<Instance> instance;  // Dies before the weights: last member.
  int pins = 0;
  absl::Status damage;   // Not OK: its weights were written; it serves nothing.
  bool awaited = false;  // A move goes on when the last pin goes.
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_RESIDENCE_H_
