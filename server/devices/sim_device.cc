#include "server/devices/sim_device.h"

#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/status_macros.h"

namespace ferry {

absl::StatusOr<std::unique_ptr<SimDevice>> SimDevice::Create(
    const Options& options) {
  const DeviceId id{DeviceKind::kSim, options.index};
  ASSIGN_OR_RETURN(auto memory,
                   SimMemory::Create(id.ToString(), options.capacity_bytes,
                                     options.scratch_bytes));
  return absl::WrapUnique(new SimDevice(options, std::move(memory)));
}

SimDevice::SimDevice(const Options& options, std::unique_ptr<SimMemory> memory)
    : id_{DeviceKind::kSim, options.index},
      memory_(std::move(memory)),
      faults_(id_.ToString()),
      link_(options.link_bytes_per_second) {}

absl::StatusOr<std::byte*> SimDevice::Allocate(uint64_t size_bytes) {
  RETURN_IF_ERROR(Health());
  if (size_bytes == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(name(), ": 0 bytes asked for"));
  }
  if (faults_.OnAllocation()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name(), ": out of memory (injected)"));
  }
  return memory_->Take(SimMemory::Range::kWeights, size_bytes);
}

void SimDevice::Free(std::byte* memory) {
  memory_->Give(SimMemory::Range::kWeights, memory);
}

void SimDevice::Discard(std::byte* memory, uint64_t size_bytes) {
  memory_->Drop(memory, size_bytes);
}

absl::StatusOr<std::byte*> SimDevice::AllocateScratch(uint64_t size_bytes) {
  if (size_bytes == 0) return nullptr;
  RETURN_IF_ERROR(Health());
  if (faults_.OnAllocation()) {
    return absl::ResourceExhaustedError(
        absl::StrCat(name(), ": out of memory (injected)"));
  }
  return memory_->Take(SimMemory::Range::kScratch, size_bytes);
}

void SimDevice::FreeScratch(std::byte* memory) {
  if (memory != nullptr) memory_->Give(SimMemory::Range::kScratch, memory);
}

absl::Status SimDevice::CopyIn(std::byte* to,
                               std::span<const std::byte> from_host) {
  if (from_host.empty()) return Health();
  CountCopy(from_host);
  RETURN_IF_ERROR(Carry(memory_->Window(to, from_host.size()), from_host.data(),
                        from_host.size()));
  in_bytes_ += from_host.size();
  return absl::OkStatus();
}

absl::Status SimDevice::CopyOut(std::span<std::byte> to_host,
                                const std::byte* from) {
  if (to_host.empty()) return Health();
  CountCopy(to_host);
  RETURN_IF_ERROR(Carry(to_host.data(), memory_->Window(from, to_host.size()),
                        to_host.size()));
  out_bytes_ += to_host.size();
  return absl::OkStatus();
}

absl::Status SimDevice::Carry(std::byte* to, const std::byte* from,
                              uint64_t size_bytes) {
  const SimFaults::Verdict verdict = faults_.OnCopy(size_bytes);
  const absl::Duration end = link_.Reserve(MonotonicNow(), verdict.good_bytes);
  std::memcpy(to, from, verdict.good_bytes);
  if (verdict.corrupt && verdict.good_bytes > 0) {
    to[verdict.good_bytes / 2] ^= std::byte{0x5A};
  }
  if (link_.bytes_per_second() > 0) SimLink::WaitUntil(end);
  return verdict.status;
}

void SimDevice::CountCopy(std::span<const std::byte> host) {
  const HostRanges::Run run = registered_.FirstRun(host);
  const bool registered = run.registered && run.size_bytes == host.size();
  ++copies_;
  if (!registered) ++pageable_copies_;
}

absl::Status SimDevice::RegisterHost(std::span<std::byte> host) {
  RETURN_IF_ERROR(Health());
  registered_.Add(host);
  return absl::OkStatus();
}

absl::Status SimDevice::AddTo(Hash& hash, const std::byte* from,
                              uint64_t size_bytes) {
  RETURN_IF_ERROR(Health());
  if (size_bytes > 0) {
    hash.Add({memory_->Window(from, size_bytes), size_bytes});
  }
  return absl::OkStatus();
}

SimDevice::Traffic SimDevice::traffic() const {
  return {.in_bytes = in_bytes_,
          .out_bytes = out_bytes_,
          .copies = copies_,
          .pageable_copies = pageable_copies_};
}

}  // namespace ferry
