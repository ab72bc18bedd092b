// A CudaDevice is one GPU, through the CUDA runtime.
//
// It holds a few lanes, each with a stream and page-locked buffers of its own;
// every copy takes one. Nothing here goes through LibTorch's allocators: a slab
// of weights is one cudaMalloc, and host memory is registered where it lies.
//
// Owns:     the slabs it allocates, its lanes, and its registrations with the
//           PageLocks, which all GPUs share and which outlives them; checks at
//           destruction that all slabs were freed.
// Threads:  thread-safe; more than kLanes copies wait for each other.
// Units:    bytes.
// Fails:    as device.h says. An error that ends the GPU's context, whoever
//           caused it, ends this device: Health() finds it out.
// Limits:   kLanes copies at a time; page-locked memory of 2 x
//           CopyLane::kStagingBytes for each, and for the lane that only
//           probes.

#ifndef SERVER_DEVICES_CUDA_CUDA_DEVICE_H_
#define SERVER_DEVICES_CUDA_CUDA_DEVICE_H_

#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/base/mutex.h"
#include "server/devices/cuda/copy_lane.h"
#include "server/devices/cuda/page_locks.h"
#include "server/devices/device.h"
#include "server/devices/host_ranges.h"

namespace ferry {

class CudaDevice final : public Device {
 public:
  static constexpr int kLanes = 8;
  // Host memory is registered in segments: each takes tens of milliseconds, and
  // other copies can go on between them.
  static constexpr uint64_t kSegmentBytes = uint64_t{256} << 20;

  // `capacity_bytes` 0: four fifths of what is free on the GPU now.
  static absl::StatusOr<std::unique_ptr<Device>> Create(int index,
                                                        uint64_t capacity_bytes,
                                                        PageLocks& page_locks);
  ~CudaDevice() override;

  CudaDevice(const CudaDevice&) = delete;
  CudaDevice& operator=(const CudaDevice&) = delete;

  DeviceId id() const override { return id_; }
  uint64_t capacity_bytes() const override { return capacity_bytes_; }
  absl::StatusOr<std::byte*> Allocate(uint64_t size_bytes) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Free(std::byte* memory) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Discard(std::byte*, uint64_t) override {}  // A slab stays whole.
  absl::Status CopyIn(std::byte* to,
                      std::span<const std::byte> from_host) override;
  absl::Status CopyOut(std::span<std::byte> to_host,
                       const std::byte* from) override;
  absl::Status AddTo(Hash& hash, const std::byte* from,
                     uint64_t size_bytes) override;
  absl::Status Health() const override ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status RegisterHost(std::span<std::byte> host) override;
  void UnregisterHost(std::span<std::byte> host) override;

 private:
  struct Slab {
    void* memory;  // What cudaMalloc gave; the address we gave is in it.
    uint64_t size_bytes;
  };
  class LaneLoan;

  CudaDevice(int index, uint64_t capacity_bytes,
             std::vector<std::unique_ptr<CopyLane>> lanes,
             std::unique_ptr<CopyLane> probe, PageLocks& page_locks);

  // What a call of the runtime answered, as a Status; ends the device when its
  // context has ended.
  absl::Status Checked(cudaError_t error, const char* action) const
      ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status ended() const ABSL_LOCKS_EXCLUDED(mutex_);

  const DeviceId id_;
  const uint64_t capacity_bytes_;
  PageLocks& page_locks_;
  const std::unique_ptr<CopyLane> probe_;  // Never copies: for Health().

  HostRanges registered_;

  mutable Mutex mutex_;
  mutable absl::Status ended_ ABSL_GUARDED_BY(mutex_);
  CondVar lane_free_;
  std::vector<std::unique_ptr<CopyLane>> free_lanes_ ABSL_GUARDED_BY(mutex_);
  uint64_t used_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::byte*, Slab> slabs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace ferry

#endif  // SERVER_DEVICES_CUDA_CUDA_DEVICE_H_
