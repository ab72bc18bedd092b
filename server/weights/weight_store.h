// A WeightStore is the memory for weights on every device: one Arena each.
//
// The cpu's arena is also host memory's: it holds the canonical copy of every
// loaded model's weights, and a model that serves on the cpu serves from that
// very copy.
//
// Owns:     the arenas. The devices outlive it; it outlives every WeightSet.
// Threads:  thread-safe.
// Units:    bytes.
// Fails:    RESOURCE_EXHAUSTED with what was asked for, what is free and the
//           largest gap; INVALID_ARGUMENT for more than the device ever has;
//           NOT_FOUND for a device that is not there.

#ifndef SERVER_WEIGHTS_WEIGHT_STORE_H_
#define SERVER_WEIGHTS_WEIGHT_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/devices/device_pool.h"
#include "server/weights/arena.h"
#include "server/weights/weight_set.h"

namespace ferry {

class WeightStore {
 public:
  // `retain_bytes` of freed host memory stay warm for the next load; the rest
  // goes back to the system as soon as a model leaves. The memory of other
  // devices is theirs to begin with and stays.
  static absl::StatusOr<std::unique_ptr<WeightStore>> Create(
      DevicePool& devices, uint64_t retain_bytes);

  // Memory for an image of `size_bytes` (0 is allowed) on `device`, not filled.
  absl::StatusOr<WeightSet> Take(DeviceId device, uint64_t size_bytes);

  // INVARIANT: `device` is in the pool.
  Arena::Usage usage(DeviceId device) const;

 private:
  struct Shelf {
    Device* device;
    std::unique_ptr<Arena> arena;
  };
  explicit WeightStore(std::map<DeviceId, Shelf> shelves)
      : shelves_(std::move(shelves)) {}

  const std::map<DeviceId, Shelf> shelves_;
};

}  // namespace ferry

#endif  // SERVER_WEIGHTS_WEIGHT_STORE_H_
