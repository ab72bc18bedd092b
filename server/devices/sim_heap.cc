#include "server/devices/sim_heap.h"

#include <algorithm>
#include <bit>
#include <iterator>

#include "server/base/invariant.h"

namespace ferry {

SimHeap::SimHeap(uint64_t capacity_bytes, uint64_t granule_bytes)
    : granule_bytes_(granule_bytes), capacity_bytes_(RoundUp(capacity_bytes)) {
  INVARIANT(std::has_single_bit(granule_bytes));
  if (capacity_bytes_ > 0) gaps_.emplace(0, capacity_bytes_);
}

std::optional<uint64_t> SimHeap::Take(uint64_t size_bytes) {
  INVARIANT(size_bytes > 0);
  if (size_bytes > capacity_bytes_) return std::nullopt;
  const uint64_t wanted_bytes = RoundUp(size_bytes);
  const auto gap = std::ranges::find_if(
      gaps_, [&](const auto& gap) { return gap.second >= wanted_bytes; });
  if (gap == gaps_.end()) return std::nullopt;

  const auto [offset_bytes, gap_bytes] = *gap;
  gaps_.erase(gap);
  if (gap_bytes > wanted_bytes) {
    gaps_.emplace(offset_bytes + wanted_bytes, gap_bytes - wanted_bytes);
  }
  taken_.emplace(offset_bytes, wanted_bytes);
  used_bytes_ += wanted_bytes;
  peak_bytes_ = std::max(peak_bytes_, used_bytes_);
  return offset_bytes;
}

uint64_t SimHeap::Give(uint64_t offset_bytes) {
  const auto block = taken_.find(offset_bytes);
  INVARIANT(block != taken_.end());
  const uint64_t size_bytes = block->second;
  taken_.erase(block);
  used_bytes_ -= size_bytes;

  // Merge with the gap after, then with the gap before.
  const auto gap = gaps_.emplace(offset_bytes, size_bytes).first;
  if (const auto next = std::next(gap);
      next != gaps_.end() && gap->first + gap->second == next->first) {
    gap->second += next->second;
    gaps_.erase(next);
  }
  if (gap != gaps_.begin()) {
    const auto previous = std::prev(gap);
    if (previous->first + previous->second == gap->first) {
      previous->second += gap->second;
      gaps_.erase(gap);
    }
  }
  return size_bytes;
}

SimHeap::Usage SimHeap::usage() const {
  Usage usage{.capacity_bytes = capacity_bytes_,
              .used_bytes = used_bytes_,
              .peak_bytes = peak_bytes_};
  for (const auto& [offset_bytes, size_bytes] : gaps_) {
    usage.largest_gap_bytes = std::max(usage.largest_gap_bytes, size_bytes);
  }
  return usage;
}

}  // namespace ferry
