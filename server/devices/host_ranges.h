// A HostRanges knows which host memory is registered (page-locked) with a GPU.
//
// A copy may not run across two registered ranges, and memory is registered in
// segments: so a copy asks for one run after the other.
//
// Owns:     addresses only, not the memory.
// Threads:  thread-safe.
// Units:    bytes.

#ifndef SERVER_DEVICES_HOST_RANGES_H_
#define SERVER_DEVICES_HOST_RANGES_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"

#include "server/base/mutex.h"

namespace ferry {

class HostRanges {
 public:
  // The first bytes of a range that are alike.
  struct Run {
    uint64_t size_bytes = 0;
    bool registered = false;
  };

  // The range is not empty and overlaps none that is there.
  void Add(std::span<const std::byte> range) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes out the ranges that begin inside `range`, and returns their starts.
  std::vector<const std::byte*> Remove(std::span<const std::byte> range)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // How `range`, which is not empty, begins: inside one registered range, or
  // outside all of them.
  Run FirstRun(std::span<const std::byte> range) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // std::less orders unrelated pointers, which < need not.
  using Sizes = std::map<const std::byte*, uint64_t, std::less<>>;

  mutable Mutex mutex_;
  Sizes sizes_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_DEVICES_HOST_RANGES_H_
