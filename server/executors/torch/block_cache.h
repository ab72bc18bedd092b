// A BlockCache keeps large blocks that were freed, for the next that is as
// large.
//
// malloc gives a large block back to the kernel at once, which then has to
// clear the same pages again for the next forward: of a forward whose
// activations are large, that is up to a third. Small blocks malloc keeps well
// enough by itself.
//
// Sizes are rounded up to eighths of a power of two, so that requests of about
// one size find one another's blocks. When there is no room, the block that was
// freed longest ago goes.
//
// Owns:     the blocks that it keeps.
// Threads:  thread-safe, one lock, a leaf; memory is given back without it.
// Units:    bytes.
// Limits:   SetMax() bytes, kBlocksMax blocks.

#ifndef SERVER_EXECUTORS_TORCH_BLOCK_CACHE_H_
#define SERVER_EXECUTORS_TORCH_BLOCK_CACHE_H_

#include <cstddef>
#include <cstdint>
#include <deque>

#include "absl/base/thread_annotations.h"

#include "server/base/mutex.h"

namespace ferry {

class BlockCache {
 public:
  static constexpr uint64_t kBlockBytesMin = uint64_t{1} << 20;
  static constexpr size_t kBlocksMax = 256;

  // What a block of `size_bytes` takes: itself below kBlockBytesMin.
  static uint64_t RoundUp(uint64_t size_bytes);

  // `give_back` frees a block, and is told its size: when it goes.
  using GiveBack = void (*)(std::byte* block, uint64_t size_bytes);
  explicit BlockCache(GiveBack give_back) : give_back_(give_back) {}

  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;

  // 0 keeps nothing. What is beyond it goes at once.
  void SetMax(uint64_t kept_max_bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // A block of exactly that size, the one freed last; null without one.
  std::byte* Take(uint64_t size_bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // Keeps the block, or gives it back.
  void Put(std::byte* block, uint64_t size_bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // Gives blocks back until that much went. False when there was nothing.
  bool Drop(uint64_t size_bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  uint64_t kept_bytes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Block {
    std::byte* memory;
    uint64_t size_bytes;
  };
  using Blocks = std::deque<Block>;

  // Takes out the oldest while there are too many; the caller gives them back.
  void TakeOldest(uint64_t kept_max_bytes, Blocks& gone)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void GiveBackAll(const Blocks& gone) const;

  const GiveBack give_back_;

  mutable Mutex mutex_;
  Blocks blocks_ ABSL_GUARDED_BY(mutex_);  // The oldest first.
  uint64_t kept_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t kept_max_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_BLOCK_CACHE_H_
