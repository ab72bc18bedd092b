#include "server/executors/torch/block_cache.h"

#include <algorithm>
#include <bit>

namespace ferry {

uint64_t BlockCache::RoundUp(uint64_t size_bytes) {
  // Larger than any memory: it is refused anyway.
  if (size_bytes < kBlockBytesMin || size_bytes > uint64_t{1} << 62) {
    return size_bytes;
  }
  const uint64_t step = std::bit_floor(size_bytes) / 8;
  return (size_bytes + step - 1) / step * step;
}

void BlockCache::SetMax(uint64_t kept_max_bytes) {
  Blocks gone;
  {
    MutexLock lock(mutex_);
    kept_max_bytes_ = kept_max_bytes;
    TakeOldest(kept_max_bytes, gone);
  }
  GiveBackAll(gone);
}

std::byte* BlockCache::Take(uint64_t size_bytes) {
  MutexLock lock(mutex_);
  const auto found = std::find_if(
      blocks_.rbegin(), blocks_.rend(),
      [&](const Block& block) { return block.size_bytes == size_bytes; });
  if (found == blocks_.rend()) return nullptr;
  std::byte* const memory = found->memory;
  blocks_.erase(std::next(found).base());
  kept_bytes_ -= size_bytes;
  return memory;
}

void BlockCache::Put(std::byte* block, uint64_t size_bytes) {
  Blocks gone;
  {
    MutexLock lock(mutex_);
    blocks_.push_back({.memory = block, .size_bytes = size_bytes});
    kept_bytes_ += size_bytes;
    TakeOldest(kept_max_bytes_, gone);
  }
  GiveBackAll(gone);
}

bool BlockCache::Drop(uint64_t size_bytes) {
  Blocks gone;
  {
    MutexLock lock(mutex_);
    TakeOldest(kept_bytes_ - std::min(kept_bytes_, size_bytes), gone);
  }
  GiveBackAll(gone);
  return !gone.empty();
}

uint64_t BlockCache::kept_bytes() const {
  MutexLock lock(mutex_);
  return kept_bytes_;
}

void BlockCache::TakeOldest(uint64_t kept_max_bytes, Blocks& gone) {
  while (kept_bytes_ > kept_max_bytes || blocks_.size() > kBlocksMax) {
    gone.push_back(blocks_.front());
    kept_bytes_ -= blocks_.front().size_bytes;
    blocks_.pop_front();
  }
}

void BlockCache::GiveBackAll(const Blocks& gone) const {
  for (const Block& block : gone) give_back_(block.memory, block.size_bytes);
}

}  // namespace ferry
