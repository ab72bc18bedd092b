#include "server/devices/cuda/page_locks.h"

#include "server/base/invariant.h"

namespace ferry {

cudaError_t PageLocks::Lock(std::span<std::byte> range) {
  {
    MutexLock lock(mutex_);
    while (true) {
      const auto [entry, inserted] = ranges_.try_emplace(range.data());
      Range& held = entry->second;
      if (inserted) {
        held.size_bytes = range.size();
        break;
      }
      INVARIANT(held.size_bytes == range.size());
      if (held.holders > 0) {
        ++held.holders;
        return cudaSuccess;
      }
      settled_.Wait(mutex_);
    }
  }
  const cudaError_t error =
      ::cudaHostRegister(range.data(), range.size(), cudaHostRegisterPortable);
  MutexLock lock(mutex_);
  if (error == cudaSuccess) {
    ranges_.at(range.data()).holders = 1;
  } else {
    ranges_.erase(range.data());
  }
  settled_.NotifyAll();
  return error;
}

cudaError_t PageLocks::Unlock(const std::byte* start) {
  {
    MutexLock lock(mutex_);
    const auto entry = ranges_.find(start);
    INVARIANT(entry != ranges_.end() && entry->second.holders > 0);
    if (--entry->second.holders > 0) return cudaSuccess;
  }
  const cudaError_t error = ::cudaHostUnregister(const_cast<std::byte*>(start));
  MutexLock lock(mutex_);
  ranges_.erase(start);
  settled_.NotifyAll();
  return error;
}

}  // namespace ferry
