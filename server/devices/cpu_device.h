// A CpuDevice is the host's processor and its memory.
//
// Memory comes straight from the kernel, in huge pages where it has them: page
// faults, not copying, are what filling fresh memory costs. It costs nothing
// until it is written, so one slab of the whole capacity is as cheap as none.
//
// Owns:     what it allocates; checks at destruction that all was freed.
// Threads:  thread-safe.
// Units:    bytes.
// Fails:    RESOURCE_EXHAUSTED beyond the capacity it was given, or when the
//           kernel refuses.

#ifndef SERVER_DEVICES_CPU_DEVICE_H_
#define SERVER_DEVICES_CPU_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/base/mutex.h"
#include "server/devices/device.h"
#include "server/devices/pages.h"

namespace ferry {

class CpuDevice final : public Device {
 public:
  // Four fifths of HostMemoryBytes(): the rest is for requests and activations.
  static uint64_t DefaultCapacityBytes();

  explicit CpuDevice(uint64_t capacity_bytes)
      : capacity_bytes_(capacity_bytes) {}
  ~CpuDevice() override;

  CpuDevice(const CpuDevice&) = delete;
  CpuDevice& operator=(const CpuDevice&) = delete;

  DeviceId id() const override { return {DeviceKind::kCpu, 0}; }
  uint64_t capacity_bytes() const override { return capacity_bytes_; }
  absl::StatusOr<std::byte*> Allocate(uint64_t size_bytes) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Free(std::byte* memory) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Discard(std::byte* memory, uint64_t size_bytes) override;
  absl::Status CopyIn(std::byte* to,
                      std::span<const std::byte> from_host) override;
  absl::Status CopyOut(std::span<std::byte> to_host,
                       const std::byte* from) override;
  absl::Status AddTo(Hash& hash, const std::byte* from,
                     uint64_t size_bytes) override;
  absl::Status Health() const override { return absl::OkStatus(); }
  absl::Status RegisterHost(std::span<std::byte>) override {
    return absl::OkStatus();
  }
  void UnregisterHost(std::span<std::byte>) override {}

 private:
  struct Allocation {
    Pages pages;
    uint64_t size_bytes;  // As asked for: that is what the budget counts.
  };

  const uint64_t capacity_bytes_;

  Mutex mutex_;
  uint64_t used_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::byte*, Allocation> allocations_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_DEVICES_CPU_DEVICE_H_
