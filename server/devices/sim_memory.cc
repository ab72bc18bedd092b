#include "server/devices/sim_memory.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

uint64_t WholePages(uint64_t size_bytes) {
  return (size_bytes + Pages::kPageBytes - 1) / Pages::kPageBytes *
         Pages::kPageBytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SimMemory>> SimMemory::Create(
    std::string device, uint64_t weights_bytes, uint64_t scratch_bytes) {
  const uint64_t size_bytes = std::max(
      WholePages(weights_bytes) + WholePages(scratch_bytes), Pages::kPageBytes);
  // The face needs no memory behind it: nobody ever reads through it.
  ASSIGN_OR_RETURN(Pages face, Pages::Map(size_bytes, Pages::Access::kNone));
  ASSIGN_OR_RETURN(Pages window,
                   Pages::Map(size_bytes, Pages::Access::kReadWrite));
  return absl::WrapUnique(new SimMemory(std::move(device), weights_bytes,
                                        scratch_bytes, std::move(face),
                                        std::move(window)));
}

SimMemory::SimMemory(std::string device, uint64_t weights_bytes,
                     uint64_t scratch_bytes, Pages face, Pages window)
    : device_(std::move(device)),
      weights_bytes_(weights_bytes),
      scratch_offset_(WholePages(weights_bytes)),
      face_(std::move(face)),
      window_(std::move(window)),
      weights_(weights_bytes, kWeightsGranuleBytes),
      scratch_(scratch_bytes, kScratchGranuleBytes) {}

SimMemory::~SimMemory() {
  MutexLock lock(mutex_);
  INVARIANT(weights_.empty() && scratch_.empty());
}

absl::StatusOr<std::byte*> SimMemory::Take(Range range, uint64_t size_bytes) {
  MutexLock lock(mutex_);
  SimHeap& heap = range == Range::kWeights ? weights_ : scratch_;
  const bool beyond = range == Range::kWeights && size_bytes > weights_bytes_;
  const auto offset_bytes = beyond ? std::nullopt : heap.Take(size_bytes);
  if (!offset_bytes.has_value()) {
    const SimHeap::Usage usage = heap.usage();
    return absl::ResourceExhaustedError(absl::StrCat(
        device_, ": ", size_bytes, " bytes of ",
        range == Range::kWeights ? "weights" : "activations", " asked for, ",
        usage.capacity_bytes - usage.used_bytes, " of ", usage.capacity_bytes,
        " free, ", usage.largest_gap_bytes, " in one piece"));
  }
  const uint64_t base = range == Range::kWeights ? 0 : scratch_offset_;
  return face_.data() + base + *offset_bytes;
}

void SimMemory::Give(Range range, std::byte* memory) {
  INVARIANT(Holds(memory));
  const uint64_t base = range == Range::kWeights ? 0 : scratch_offset_;
  const auto offset_bytes = static_cast<uint64_t>(memory - face_.data());
  INVARIANT(offset_bytes >= base);

  MutexLock lock(mutex_);
  SimHeap& heap = range == Range::kWeights ? weights_ : scratch_;
  const uint64_t size_bytes = heap.Give(offset_bytes - base);
  // Under the lock: afterwards the range may be somebody else's.
  if (size_bytes <= kPoisonedBytesMax) {
    std::memset(window_.data() + offset_bytes, std::to_integer<int>(kPoison),
                size_bytes);
  } else if (range == Range::kWeights) {
    DropPages(window_.data() + offset_bytes, size_bytes);
  }
}

void SimMemory::Drop(std::byte* memory, uint64_t size_bytes) {
  DropPages(Window(memory, size_bytes), size_bytes);
}

std::byte* SimMemory::Window(const std::byte* face, uint64_t size_bytes) const {
  INVARIANT(Holds(face));
  const auto offset_bytes = static_cast<uint64_t>(face - face_.data());
  INVARIANT(size_bytes <= face_.size_bytes() - offset_bytes);
  return window_.data() + offset_bytes;
}

bool SimMemory::Holds(const void* address) const {
  // std::less orders unrelated pointers, which < need not.
  const auto* const byte = static_cast<const std::byte*>(address);
  const std::less<> before;
  return !before(byte, face_.data()) &&
         before(byte, face_.data() + face_.size_bytes());
}

SimMemory::Usage SimMemory::usage() const {
  MutexLock lock(mutex_);
  return {.weights = weights_.usage(), .scratch = scratch_.usage()};
}

}  // namespace ferry
