#include "server/executors/torchscript/image_range.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/formats/image_layout.h"

namespace ferry {
namespace {

// mincore() answers for so many pages at a time.
constexpr uint64_t kPagesAsked = uint64_t{1} << 20;

absl::Status NoMemory(std::string_view what, uint64_t size_bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat(std::string(what), ": asked for ", size_bytes,
                   " bytes: ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<ImageRange> ImageRange::Reserve(uint64_t size_bytes) {
  // A model without weights has tensors too: give them an address.
  const uint64_t mapped_bytes = size_bytes == 0 ? 1 : size_bytes;
  void* memory =
      mmap(nullptr, mapped_bytes, PROT_READ,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, /*fd=*/-1, 0);
  if (memory == MAP_FAILED) {
    return NoMemory("address space", size_bytes);
  }
  // A huge page would hide which of its pages was meant. Advice may fail.
  madvise(memory, mapped_bytes, MADV_NOHUGEPAGE);
  return ImageRange(static_cast<std::byte*>(memory), mapped_bytes,
                    /*reserved=*/true);
}

ImageRange::ImageRange(ImageRange&& other) noexcept
    : data_(other.data_),
      size_bytes_(other.size_bytes_),
      filled_from_bytes_(other.filled_from_bytes_),
      reserved_(std::exchange(other.reserved_, false)) {}

ImageRange::~ImageRange() {
  if (reserved_) INVARIANT(munmap(data_, size_bytes_) == 0);
}

absl::Status ImageRange::Fill(uint64_t offset_bytes, std::string_view bytes) {
  INVARIANT(reserved_ && offset_bytes <= size_bytes_ &&
            bytes.size() <= size_bytes_ - offset_bytes);
  if (bytes.empty()) return absl::OkStatus();
  const uint64_t page = offset_bytes / kPageBytes * kPageBytes;
  const uint64_t end = offset_bytes + bytes.size();
  if (mprotect(data_ + page, end - page, PROT_READ | PROT_WRITE) != 0) {
    return NoMemory("memory for constants", bytes.size());
  }
  std::memcpy(data_ + offset_bytes, bytes.data(), bytes.size());
  filled_from_bytes_ = std::min(filled_from_bytes_, page);
  return absl::OkStatus();
}

void ImageRange::Empty() {
  if (!reserved_ || filled_from_bytes_ == size_bytes_) return;
  std::byte* const from = data_ + filled_from_bytes_;
  const uint64_t size_bytes = size_bytes_ - filled_from_bytes_;
  INVARIANT(madvise(from, size_bytes, MADV_DONTNEED) == 0);
  INVARIANT(mprotect(from, size_bytes, PROT_READ) == 0);
}

bool ImageRange::WasRead() const {
  if (!reserved_) return false;
  const uint64_t pages = (filled_from_bytes_ + kPageBytes - 1) / kPageBytes;
  std::vector<unsigned char> resident(std::min(pages, kPagesAsked));
  for (uint64_t page = 0; page < pages; page += kPagesAsked) {
    const uint64_t asked = std::min(pages - page, kPagesAsked);
    // Who cannot tell has to assume it.
    if (mincore(data_ + page * kPageBytes, asked * kPageBytes,
                resident.data()) != 0) {
      return true;
    }
    const auto end = resident.begin() + static_cast<ptrdiff_t>(asked);
    if (std::any_of(resident.begin(), end,
                    [](unsigned char bits) { return (bits & 1) != 0; })) {
      return true;
    }
  }
  return false;
}

std::optional<uint64_t> ImageRange::OffsetOf(const void* address) const {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const auto begin = reinterpret_cast<uintptr_t>(data_);
  if (at < begin || at - begin >= size_bytes_) return std::nullopt;
  return at - begin;
}

}  // namespace ferry
