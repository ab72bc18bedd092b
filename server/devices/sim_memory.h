// A SimMemory is the memory of a simulated device, strict about who touches it.
//
// Its addresses exist twice, a constant distance apart: the `face`, which
// tensors point at and nobody can read, so host code that touches device
// memory dies as it would lose on a GPU; and the `window`, where the bytes
// are, for simulated kernels and the copy engine only.
//
// One range for weights, one for activations ("scratch"), each with a budget
// and an allocator of its own. Freed blocks up to kPoisonedBytesMax are filled
// with kPoison, so that a use after free shows.
//
// Owns:     the memory; checks at destruction that all was freed.
// Threads:  thread-safe.
// Units:    bytes.
// Fails:    RESOURCE_EXHAUSTED beyond a budget, or when no gap is large enough.
// Limits:   the budgets.

#ifndef SERVER_DEVICES_SIM_MEMORY_H_
#define SERVER_DEVICES_SIM_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"

#include "server/base/mutex.h"
#include "server/devices/pages.h"
#include "server/devices/sim_heap.h"

namespace ferry {

class SimMemory {
 public:
  static constexpr uint64_t kWeightsGranuleBytes = 4096;
  static constexpr uint64_t kScratchGranuleBytes = 512;
  static constexpr uint64_t kPoisonedBytesMax = uint64_t{1} << 20;
  static constexpr std::byte kPoison{0xDB};

  enum class Range { kWeights, kScratch };

  struct Usage {
    SimHeap::Usage weights;
    SimHeap::Usage scratch;
  };

  // `device` is for messages.
  static absl::StatusOr<std::unique_ptr<SimMemory>> Create(
      std::string device, uint64_t weights_bytes, uint64_t scratch_bytes);
  ~SimMemory();

  SimMemory(const SimMemory&) = delete;
  SimMemory& operator=(const SimMemory&) = delete;

  // An address of the face. `size_bytes` is positive.
  absl::StatusOr<std::byte*> Take(Range range, uint64_t size_bytes)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Give(Range range, std::byte* memory) ABSL_LOCKS_EXCLUDED(mutex_);

  // What Give() to the kernel of a part of a block is: its bytes read as zero.
  void Drop(std::byte* memory, uint64_t size_bytes);

  // Where the bytes of [face, face + size_bytes) are. INVARIANT: the range is
  // this memory's.
  std::byte* Window(const std::byte* face, uint64_t size_bytes = 0) const;

  // Whether `address` is one of the face.
  bool Holds(const void* address) const;

  Usage usage() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t weights_bytes() const { return weights_bytes_; }

 private:
  SimMemory(std::string device, uint64_t weights_bytes, uint64_t scratch_bytes,
            Pages face, Pages window);

  const std::string device_;
  const uint64_t weights_bytes_;   // As asked for: the budget.
  const uint64_t scratch_offset_;  // The scratch lies behind the weights.
  const Pages face_;
  const Pages window_;

  mutable Mutex mutex_;
  SimHeap weights_ ABSL_GUARDED_BY(mutex_);
  SimHeap scratch_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_DEVICES_SIM_MEMORY_H_
