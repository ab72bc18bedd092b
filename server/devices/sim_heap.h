// A SimHeap deals out offsets of a simulated device's memory, first fit.
//
// Fragmentation is part of what a device is simulated for, so a block is taken
// from the lowest gap that fits and gaps merge only with their neighbours.
//
// Owns:     which range is whose; not the memory.
// Threads:  caller locks.
// Units:    bytes; offsets from the heap's start. Sizes are rounded up to the
//           granule, and count so.

#ifndef SERVER_DEVICES_SIM_HEAP_H_
#define SERVER_DEVICES_SIM_HEAP_H_

#include <cstdint>
#include <map>
#include <optional>

namespace ferry {

class SimHeap {
 public:
  struct Usage {
    uint64_t capacity_bytes = 0;
    uint64_t used_bytes = 0;
    uint64_t peak_bytes = 0;
    uint64_t largest_gap_bytes = 0;
  };

  // `capacity_bytes` is rounded up to `granule_bytes`, a power of two that
  // every offset is a multiple of.
  SimHeap(uint64_t capacity_bytes, uint64_t granule_bytes);

  // Nothing when no gap is large enough. `size_bytes` is positive.
  std::optional<uint64_t> Take(uint64_t size_bytes);

  // `offset_bytes` came from Take() and was not given yet. Returns the size.
  uint64_t Give(uint64_t offset_bytes);

  Usage usage() const;
  bool empty() const { return used_bytes_ == 0; }
  uint64_t capacity_bytes() const { return capacity_bytes_; }

 private:
  uint64_t RoundUp(uint64_t size_bytes) const {
    return (size_bytes + granule_bytes_ - 1) & ~(granule_bytes_ - 1);
  }

  const uint64_t granule_bytes_;
  const uint64_t capacity_bytes_;

  uint64_t used_bytes_ = 0;
  uint64_t peak_bytes_ = 0;
  std::map<uint64_t, uint64_t> gaps_;   // Offset to size; no two touch.
  std::map<uint64_t, uint64_t> taken_;  // Offset to size.
};

}  // namespace ferry

#endif  // SERVER_DEVICES_SIM_HEAP_H_
