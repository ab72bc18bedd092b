#include "server/devices/cpu_device.h"

#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/devices/host_memory.h"

namespace ferry {

uint64_t CpuDevice::DefaultCapacityBytes() {
  // Divided first: whole pages, and no overflow.
  return HostMemoryBytes() / 5 / Pages::kPageBytes * Pages::kPageBytes * 4;
}

CpuDevice::~CpuDevice() { INVARIANT(allocations_.empty()); }

absl::StatusOr<std::byte*> CpuDevice::Allocate(uint64_t size_bytes) {
  if (size_bytes == 0) {
    return absl::InvalidArgumentError("cpu: 0 bytes asked for");
  }
  {
    MutexLock lock(mutex_);
    const uint64_t free_bytes = capacity_bytes_ - used_bytes_;
    if (size_bytes > free_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("cpu: ", size_bytes, " bytes asked for, ", free_bytes,
                       " of ", capacity_bytes_, " free"));
    }
    used_bytes_ += size_bytes;
  }
  auto pages = Pages::Map(size_bytes, Pages::Access::kReadWrite);

  MutexLock lock(mutex_);
  if (!pages.ok()) {
    used_bytes_ -= size_bytes;
    return std::move(pages).status();
  }
  std::byte* const memory = pages->data();
  allocations_.emplace(
      memory, Allocation{.pages = *std::move(pages), .size_bytes = size_bytes});
  return memory;
}

void CpuDevice::Free(std::byte* memory) {
  MutexLock lock(mutex_);
  const auto allocation = allocations_.find(memory);
  INVARIANT(allocation != allocations_.end());
  used_bytes_ -= allocation->second.size_bytes;
  allocations_.erase(allocation);
}

void CpuDevice::Discard(std::byte* memory, uint64_t size_bytes) {
  DropPages(memory, size_bytes);
}

absl::Status CpuDevice::CopyIn(std::byte* to,
                               std::span<const std::byte> from_host) {
  if (!from_host.empty()) std::memcpy(to, from_host.data(), from_host.size());
  return absl::OkStatus();
}

absl::Status CpuDevice::CopyOut(std::span<std::byte> to_host,
                                const std::byte* from) {
  if (!to_host.empty()) std::memcpy(to_host.data(), from, to_host.size());
  return absl::OkStatus();
}

absl::Status CpuDevice::AddTo(Hash& hash, const std::byte* from,
                              uint64_t size_bytes) {
  hash.Add({from, size_bytes});
  return absl::OkStatus();
}

}  // namespace ferry
