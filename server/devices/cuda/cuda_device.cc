#include "server/devices/cuda/cuda_device.h"

#include <algorithm>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/base/status_macros.h"
#include "server/devices/cuda/cuda_error.h"
#include "server/devices/cuda/device_scope.h"

namespace ferry {
namespace {

constexpr uint64_t kCapacityUnitBytes = uint64_t{2} << 20;

std::byte* AlignedUp(void* memory) {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t past = address % Device::kAlignmentBytes;
  return static_cast<std::byte*>(memory) +
         (past == 0 ? 0 : Device::kAlignmentBytes - past);
}

}  // namespace

// A lane on loan from the device, whose GPU is current meanwhile.
class CudaDevice::LaneLoan {
 public:
  explicit LaneLoan(CudaDevice& device)
      : device_(device), scope_(device.id_.index) {
    MutexLock lock(device_.mutex_);
    while (device_.free_lanes_.empty()) {
      device_.lane_free_.Wait(device_.mutex_);
    }
    lane_ = std::move(device_.free_lanes_.back());
    device_.free_lanes_.pop_back();
  }
  ~LaneLoan() {
    MutexLock lock(device_.mutex_);
    device_.free_lanes_.push_back(std::move(lane_));
    device_.lane_free_.NotifyOne();
  }

  LaneLoan(const LaneLoan&) = delete;
  LaneLoan& operator=(const LaneLoan&) = delete;

  CopyLane* operator->() const { return lane_.get(); }

 private:
  CudaDevice& device_;
  const DeviceScope scope_;
  std::unique_ptr<CopyLane> lane_;
};

absl::StatusOr<std::unique_ptr<Device>> CudaDevice::Create(
    int index, uint64_t capacity_bytes, PageLocks& page_locks) {
  const std::string name = DeviceId{DeviceKind::kCuda, index}.ToString();
  int count = 0;
  RETURN_IF_ERROR(CudaError(::cudaGetDeviceCount(&count), name, "open"));
  if (index < 0 || index >= count) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, ": there are ", count, " GPUs"));
  }
  const DeviceScope scope(index);
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  RETURN_IF_ERROR(
      CudaError(::cudaMemGetInfo(&free_bytes, &total_bytes), name, "open"));
  if (capacity_bytes == 0) {
    capacity_bytes =
        free_bytes / 5 / kCapacityUnitBytes * kCapacityUnitBytes * 4;
  }
  if (capacity_bytes > free_bytes) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name, ": ", capacity_bytes, " bytes for weights; ",
                     free_bytes, " of ", total_bytes, " are free"));
  }
  std::vector<std::unique_ptr<CopyLane>> lanes;
  for (int i = 0; i < kLanes + 1; ++i) {
    cudaError_t error = cudaSuccess;
    lanes.push_back(CopyLane::Create(error));
    RETURN_IF_ERROR(CudaError(error, name, "make a stream"));
  }
  std::unique_ptr<CopyLane> probe = std::move(lanes.back());
  lanes.pop_back();
  return absl::WrapUnique<Device>(new CudaDevice(
      index, capacity_bytes, std::move(lanes), std::move(probe), page_locks));
}

CudaDevice::CudaDevice(int index, uint64_t capacity_bytes,
                       std::vector<std::unique_ptr<CopyLane>> lanes,
                       std::unique_ptr<CopyLane> probe, PageLocks& page_locks)
    : id_{DeviceKind::kCuda, index},
      capacity_bytes_(capacity_bytes),
      page_locks_(page_locks),
      probe_(std::move(probe)),
      free_lanes_(std::move(lanes)) {}

CudaDevice::~CudaDevice() {
  const DeviceScope scope(id_.index);  // While the lanes go.
  std::vector<std::unique_ptr<CopyLane>> lanes;
  MutexLock lock(mutex_);
  INVARIANT(slabs_.empty());
  INVARIANT(free_lanes_.size() == kLanes);
  lanes.swap(free_lanes_);
}

absl::StatusOr<std::byte*> CudaDevice::Allocate(uint64_t size_bytes) {
  RETURN_IF_ERROR(ended());
  if (size_bytes == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name(), ": 0 bytes asked for"));
  }
  {
    MutexLock lock(mutex_);
    const uint64_t free_bytes = capacity_bytes_ - used_bytes_;
    if (size_bytes > free_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(name(), ": ", size_bytes, " bytes asked for, ",
                       free_bytes, " of ", capacity_bytes_, " free"));
    }
    used_bytes_ += size_bytes;
  }
  const DeviceScope scope(id_.index);
  void* memory = nullptr;
  const absl::Status status =
      Checked(::cudaMalloc(&memory, size_bytes + kAlignmentBytes), "allocate");

  MutexLock lock(mutex_);
  if (!status.ok()) {
    used_bytes_ -= size_bytes;
    return status;
  }
  std::byte* const given = AlignedUp(memory);
  slabs_.emplace(given, Slab{.memory = memory, .size_bytes = size_bytes});
  return given;
}

void CudaDevice::Free(std::byte* memory) {
  void* slab = nullptr;
  {
    MutexLock lock(mutex_);
    const auto entry = slabs_.find(memory);
    INVARIANT(entry != slabs_.end());
    slab = entry->second.memory;
    used_bytes_ -= entry->second.size_bytes;
    slabs_.erase(entry);
  }
  const DeviceScope scope(id_.index);
  // On a failed device this fails too: the memory went with the context.
  (void)Checked(::cudaFree(slab), "free");
}

absl::Status CudaDevice::CopyIn(std::byte* to,
                                std::span<const std::byte> from_host) {
  RETURN_IF_ERROR(ended());
  if (from_host.empty()) return absl::OkStatus();
  const LaneLoan lane(*this);
  return Checked(lane->CopyIn(to, from_host, registered_), "copy to the GPU");
}

absl::Status CudaDevice::CopyOut(std::span<std::byte> to_host,
                                 const std::byte* from) {
  RETURN_IF_ERROR(ended());
  if (to_host.empty()) return absl::OkStatus();
  const LaneLoan lane(*this);
  return Checked(lane->CopyOut(to_host, from, registered_),
                 "copy from the GPU");
}

absl::Status CudaDevice::AddTo(Hash& hash, const std::byte* from,
                               uint64_t size_bytes) {
  RETURN_IF_ERROR(ended());
  const LaneLoan lane(*this);
  return Checked(lane->Read(from, size_bytes,
                            [&hash](std::span<const std::byte> bytes) {
                              hash.Add(bytes);
                            }),
                 "read back");
}

absl::Status CudaDevice::Health() const {
  RETURN_IF_ERROR(ended());
  const DeviceScope scope(id_.index);
  return Checked(probe_->Probe(), "health");
}

absl::Status CudaDevice::ended() const {
  MutexLock lock(mutex_);
  return ended_;
}

absl::Status CudaDevice::Checked(cudaError_t error, const char* action) const {
  if (error == cudaSuccess) return absl::OkStatus();
  const absl::Status status = CudaError(error, name(), action);
  // An error that is only this call's is forgotten here; one that ended the
  // context comes back from every call.
  ::cudaGetLastError();
  if (probe_->Probe() != cudaSuccess) {
    MutexLock lock(mutex_);
    if (ended_.ok()) {
      ended_ = absl::InternalError(
          absl::StrCat("the GPU has failed: ", status.message()));
    }
    return ended_;
  }
  return status;
}

absl::Status CudaDevice::RegisterHost(std::span<std::byte> host) {
  RETURN_IF_ERROR(ended());
  const DeviceScope scope(id_.index);
  for (uint64_t at = 0; at < host.size(); at += kSegmentBytes) {
    const auto segment =
        host.subspan(at, std::min<uint64_t>(kSegmentBytes, host.size() - at));
    const absl::Status locked =
        Checked(page_locks_.Lock(segment), "page-lock host memory");
    if (!locked.ok()) {
      UnregisterHost(host.first(at));
      return locked;
    }
    registered_.Add(segment);
  }
  return absl::OkStatus();
}

void CudaDevice::UnregisterHost(std::span<std::byte> host) {
  const DeviceScope scope(id_.index);
  for (const std::byte* start : registered_.Remove(host)) {
    (void)Checked(page_locks_.Unlock(start), "unlock host memory");
  }
}

}  // namespace ferry
