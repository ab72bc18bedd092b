// A WeightSet is one model's weights in the memory of one device: an image laid
// out by an ImageLayout, in one Lease.
//
// It is filled once and immutable from then on. The checksums that verify it
// belong to the model (Checksums), not to a copy: every copy must match them.
//
// Owns:     its Lease. The layout and the arena outlive it.
// Threads:  one thread fills it; after that any thread reads it.
// Units:    bytes.

#ifndef SERVER_WEIGHTS_WEIGHT_SET_H_
#define SERVER_WEIGHTS_WEIGHT_SET_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "server/devices/device.h"
#include "server/weights/arena.h"

namespace ferry {

class [[nodiscard]] WeightSet {
 public:
  WeightSet(Device& device, Arena::Lease lease, uint64_t size_bytes)
      : device_(&device), lease_(std::move(lease)), size_bytes_(size_bytes) {}

  Device& device() const { return *device_; }

  // The image's first byte, an address on device().
  std::byte* data() const { return lease_.data(); }

  // Of the image; the lease may be a little larger.
  uint64_t size_bytes() const { return size_bytes_; }
  uint64_t lease_bytes() const { return lease_.size_bytes(); }
  const Arena::Lease& lease() const { return lease_; }

 private:
  Device* device_;
  Arena::Lease lease_;
  uint64_t size_bytes_;
};

}  // namespace ferry

#endif  // SERVER_WEIGHTS_WEIGHT_SET_H_
