#include "server/executors/image_range.h"

#include <cstring>
#include <utility>

#include <sys/mman.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"

namespace ferry {

absl::StatusOr<ImageRange> ImageRange::Reserve(uint64_t size_bytes) {
  // A model without weights has tensors too: give them an address.
  const uint64_t mapped_bytes = size_bytes == 0 ? 1 : size_bytes;
  void* memory =
      mmap(nullptr, mapped_bytes, PROT_NONE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, /*fd=*/-1, 0);
  if (memory == MAP_FAILED) {
    return absl::ResourceExhaustedError(
        absl::StrCat("address space: asked for ", size_bytes,
                     " bytes: ", std::strerror(errno)));
  }
  return ImageRange(static_cast<std::byte*>(memory), mapped_bytes,
                    /*reserved=*/true);
}

ImageRange::ImageRange(ImageRange&& other) noexcept
    : data_(other.data_),
      size_bytes_(other.size_bytes_),
      reserved_(std::exchange(other.reserved_, false)) {}

ImageRange::~ImageRange() {
  if (reserved_) INVARIANT(munmap(data_, size_bytes_) == 0);
}

std::optional<uint64_t> ImageRange::OffsetOf(const void* address) const {
  const auto at = reinterpret_cast<uintptr_t>(address);
  const auto begin = reinterpret_cast<uintptr_t>(data_);
  if (at < begin || at - begin >= size_bytes_) return std::nullopt;
  return at - begin;
}

}  // namespace ferry
