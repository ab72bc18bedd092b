// Pages are address space taken from the kernel: nothing is behind it until it
// is touched, and it goes back when the object dies.
//
// Every kind of device that lives in host memory asks the kernel the same way:
// aligned for huge pages, outside the allocator's heap.
//
// Owns:     the mapping.
// Threads:  one thread at a time; DropPages() any.
// Units:    bytes. Sizes are rounded up to whole pages.
// Fails:    RESOURCE_EXHAUSTED when the kernel refuses.

#ifndef SERVER_DEVICES_PAGES_H_
#define SERVER_DEVICES_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"

namespace ferry {

class [[nodiscard]] Pages {
 public:
  static constexpr uint64_t kPageBytes = 4096;
  static constexpr uint64_t kHugePageBytes = uint64_t{2} << 20;

  enum class Access { kNone, kReadWrite };

  // `size_bytes` is positive. Read-write memory is zero and asks for huge
  // pages; with kNone, whoever touches the range dies by SIGSEGV.
  static absl::StatusOr<Pages> Map(uint64_t size_bytes, Access access);

  Pages(Pages&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_bytes_(std::exchange(other.size_bytes_, 0)) {}
  Pages& operator=(Pages&& other) noexcept;
  ~Pages();

  std::byte* data() const { return data_; }
  uint64_t size_bytes() const { return size_bytes_; }

 private:
  Pages(std::byte* data, uint64_t size_bytes)
      : data_(data), size_bytes_(size_bytes) {}

  std::byte* data_;
  uint64_t size_bytes_;
};

// Gives the memory behind the whole pages inside the range back to the kernel;
// they read as zero afterwards. What shares a page with others stays, and so
// does what the kernel will not part with (locked pages).
void DropPages(std::byte* memory, uint64_t size_bytes);

}  // namespace ferry

#endif  // SERVER_DEVICES_PAGES_H_
