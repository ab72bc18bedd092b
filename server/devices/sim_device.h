// A SimDevice is a simulated accelerator, "sim:N": a budget of memory that the
// host cannot touch, behind a link of a given rate.
//
// It makes a pool of several devices on a machine without a GPU, for tests and
// for trying things; results are the host's own, because its kernels are.
// Faults can be injected, so that every failure has a test.
//
// Owns:     its memory; checks at destruction that all was freed, weights and
//           activations.
// Threads:  thread-safe; many copies may run at once, sharing the link.
// Units:    bytes; bytes per second.
// Fails:    as device.h says, and as Inject() was told.

#ifndef SERVER_DEVICES_SIM_DEVICE_H_
#define SERVER_DEVICES_SIM_DEVICE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/devices/device.h"
#include "server/devices/host_ranges.h"
#include "server/devices/sim_faults.h"
#include "server/devices/sim_link.h"
#include "server/devices/sim_memory.h"

namespace ferry {

class SimDevice final : public Device {
 public:
  static constexpr uint64_t kCapacityBytesDefault = uint64_t{256} << 20;
  static constexpr uint64_t kScratchBytesDefault = uint64_t{1} << 30;

  struct Options {
    int index = 0;
    uint64_t capacity_bytes = kCapacityBytesDefault;  // For weights.
    uint64_t scratch_bytes = kScratchBytesDefault;    // For activations.
    double link_bytes_per_second = 0;                 // 0: as fast as memory.
  };

  struct Traffic {
    uint64_t in_bytes = 0;
    uint64_t out_bytes = 0;
    uint64_t copies = 0;
    uint64_t pageable_copies = 0;  // Of them, the slow ones on a GPU: with host
                                   // memory that is not registered.
  };

  static absl::StatusOr<std::unique_ptr<SimDevice>> Create(
      const Options& options);

  SimDevice(const SimDevice&) = delete;
  SimDevice& operator=(const SimDevice&) = delete;

  DeviceId id() const override { return id_; }
  uint64_t capacity_bytes() const override { return memory_->weights_bytes(); }
  absl::StatusOr<std::byte*> Allocate(uint64_t size_bytes) override;
  void Free(std::byte* memory) override;
  void Discard(std::byte* memory, uint64_t size_bytes) override;
  absl::Status CopyIn(std::byte* to,
                      std::span<const std::byte> from_host) override;
  absl::Status CopyOut(std::span<std::byte> to_host,
                       const std::byte* from) override;
  absl::Status AddTo(Hash& hash, const std::byte* from,
                     uint64_t size_bytes) override;
  absl::Status Health() const override { return faults_.health(); }
  absl::Status RegisterHost(std::span<std::byte> host) override;
  void UnregisterHost(std::span<std::byte> host) override {
    registered_.Remove(host);
  }

  // For the simulated kernels. Memory for activations, aligned to 512 bytes;
  // null for 0 bytes, and freeing null does nothing.
  absl::StatusOr<std::byte*> AllocateScratch(uint64_t size_bytes);
  void FreeScratch(std::byte* memory);

  void RanKernel() { faults_.OnKernel(); }

  // Where the bytes at a device address are, for simulated kernels only.
  // INVARIANT: Holds(face).
  std::byte* Window(const std::byte* face) const {
    return memory_->Window(face);
  }
  bool Holds(const void* address) const { return memory_->Holds(address); }

  SimMemory::Usage usage() const { return memory_->usage(); }
  Traffic traffic() const;

  // What shall go wrong, and a hand on copies that stall.
  void Inject(SimFault fault) { faults_.Inject(fault); }
  SimFaults& faults() { return faults_; }

 private:
  SimDevice(const Options& options, std::unique_ptr<SimMemory> memory);

  // Carries bytes between two places the host can reach, as the faults and the
  // link have it.
  absl::Status Carry(std::byte* to, const std::byte* from, uint64_t size_bytes);
  void CountCopy(std::span<const std::byte> host);

  const DeviceId id_;
  const std::unique_ptr<SimMemory> memory_;
  SimFaults faults_;
  SimLink link_;
  HostRanges registered_;
  std::atomic<uint64_t> in_bytes_{0};
  std::atomic<uint64_t> out_bytes_{0};
  std::atomic<uint64_t> copies_{0};
  std::atomic<uint64_t> pageable_copies_{0};
};

}  // namespace ferry

#endif  // SERVER_DEVICES_SIM_DEVICE_H_
