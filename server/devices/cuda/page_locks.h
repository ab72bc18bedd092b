// A PageLocks is the host memory that is page-locked for this process's GPUs.
//
// CUDA page-locks memory once for all of them, and unlocks it under all of
// them: so the first device that wants a range locks it, and the last one that
// leaves it unlocks it.
//
// Owns:     the page-locks, not the memory. Outlives the devices.
// Threads:  thread-safe; who wants a range that another thread is locking waits
//           for it.
// Units:    bytes.
// Fails:    with the CUDA runtime's own code.

#ifndef SERVER_DEVICES_CUDA_PAGE_LOCKS_H_
#define SERVER_DEVICES_CUDA_PAGE_LOCKS_H_

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <functional>
#include <map>
#include <span>

#include "absl/base/thread_annotations.h"

#include "server/base/mutex.h"

namespace ferry {

class PageLocks {
 public:
  PageLocks() = default;
  PageLocks(const PageLocks&) = delete;
  PageLocks& operator=(const PageLocks&) = delete;

  // `range` is one that is locked already, or overlaps none that is.
  cudaError_t Lock(std::span<std::byte> range) ABSL_LOCKS_EXCLUDED(mutex_);

  // Once for each Lock that succeeded; `start` is the range's.
  cudaError_t Unlock(const std::byte* start) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Range {
    uint64_t size_bytes = 0;
    int holders = 0;  // 0: a thread is locking or unlocking it.
  };
  using Ranges = std::map<const std::byte*, Range, std::less<>>;

  Mutex mutex_;
  CondVar settled_;
  Ranges ranges_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_DEVICES_CUDA_PAGE_LOCKS_H_
