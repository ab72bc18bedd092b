#include "server/devices/host_ranges.h"

#include <algorithm>
#include <iterator>

#include "server/base/invariant.h"

namespace ferry {

void HostRanges::Add(std::span<const std::byte> range) {
  INVARIANT(!range.empty());
  MutexLock lock(mutex_);
  const auto [entry, inserted] = sizes_.emplace(range.data(), range.size());
  INVARIANT(inserted);
  if (const auto next = std::next(entry); next != sizes_.end()) {
    INVARIANT(static_cast<uint64_t>(next->first - entry->first) >=
              entry->second);
  }
  if (entry != sizes_.begin()) {
    const auto before = std::prev(entry);
    INVARIANT(static_cast<uint64_t>(entry->first - before->first) >=
              before->second);
  }
}

std::vector<const std::byte*> HostRanges::Remove(
    std::span<const std::byte> range) {
  std::vector<const std::byte*> starts;
  MutexLock lock(mutex_);
  const auto first = sizes_.lower_bound(range.data());
  const auto last = sizes_.lower_bound(range.data() + range.size());
  for (auto entry = first; entry != last; ++entry) {
    starts.push_back(entry->first);
  }
  sizes_.erase(first, last);
  return starts;
}

HostRanges::Run HostRanges::FirstRun(std::span<const std::byte> range) const {
  INVARIANT(!range.empty());
  MutexLock lock(mutex_);
  const auto next = sizes_.upper_bound(range.data());
  if (next != sizes_.begin()) {
    const auto [start, size_bytes] = *std::prev(next);
    const auto inside_bytes = static_cast<uint64_t>(range.data() - start);
    if (inside_bytes < size_bytes) {
      return {.size_bytes =
                  std::min<uint64_t>(range.size(), size_bytes - inside_bytes),
              .registered = true};
    }
  }
  uint64_t outside_bytes = range.size();
  if (next != sizes_.end()) {
    outside_bytes = std::min<uint64_t>(
        outside_bytes, static_cast<uint64_t>(next->first - range.data()));
  }
  return {.size_bytes = outside_bytes, .registered = false};
}

}  // namespace ferry
