#include "server/devices/pages.h"

#include <cerrno>
#include <cstring>

#include <sys/mman.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"

namespace ferry {
namespace {

uint64_t RoundUp(uint64_t value, uint64_t unit) {
  return (value + unit - 1) / unit * unit;
}

}  // namespace

absl::StatusOr<Pages> Pages::Map(uint64_t size_bytes, Access access) {
  // No process can map 2^47 bytes; the bound keeps the sums below from
  // wrapping.
  if (size_bytes == 0 || size_bytes >= uint64_t{1} << 47) {
    return absl::ResourceExhaustedError(
        absl::StrCat("cannot map ", size_bytes, " bytes of memory"));
  }
  const uint64_t wanted = RoundUp(size_bytes, kPageBytes);
  // More than asked for, so that an aligned start is inside; the rest is cut.
  const uint64_t slack = wanted >= kHugePageBytes ? kHugePageBytes : 0;
  const int protection =
      access == Access::kReadWrite ? PROT_READ | PROT_WRITE : PROT_NONE;
  void* const mapped =
      ::mmap(nullptr, wanted + slack, protection,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "cannot map ", wanted, " bytes of memory: ", std::strerror(errno)));
  }
  std::byte* start = static_cast<std::byte*>(mapped);
  if (slack > 0) {
    const auto address = reinterpret_cast<uintptr_t>(mapped);
    const uint64_t before = RoundUp(address, kHugePageBytes) - address;
    if (before > 0) ::munmap(start, before);
    start += before;
    if (slack > before) ::munmap(start + wanted, slack - before);
    // Only advice: where it is refused, the pages are small.
    if (access == Access::kReadWrite) {
      ::madvise(start, wanted, MADV_HUGEPAGE);
    }
  }
  return Pages(start, wanted);
}

Pages& Pages::operator=(Pages&& other) noexcept {
  Pages taken(std::move(other));
  std::swap(data_, taken.data_);
  std::swap(size_bytes_, taken.size_bytes_);
  return *this;  // `taken` unmaps what this object held before.
}

Pages::~Pages() {
  if (data_ != nullptr) INVARIANT(::munmap(data_, size_bytes_) == 0);
}

void DropPages(std::byte* memory, uint64_t size_bytes) {
  const auto address = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t begin = RoundUp(address, Pages::kPageBytes);
  const uintptr_t end =
      (address + size_bytes) / Pages::kPageBytes * Pages::kPageBytes;
  if (begin >= end) return;
  ::madvise(memory + (begin - address), end - begin, MADV_DONTNEED);
}

}  // namespace ferry
