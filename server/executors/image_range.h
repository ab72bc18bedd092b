// An ImageRange is the range of addresses that a Program's tensors point into.
//
// It stands for the weight image before there is one: nothing can be read
// there, but every tensor tells by its address which bytes of the image are
// its own. A module whose code runs while it is built needs real bytes: its
// range is the filled host copy.
//
// Owns:     the reserved addresses; a borrowed host copy is only read while
//           the module is built.
// Threads:  immutable.
// Units:    bytes; offsets from the start of the image.
// Fails:    RESOURCE_EXHAUSTED when the address space has no such range.

#ifndef SERVER_EXECUTORS_IMAGE_RANGE_H_
#define SERVER_EXECUTORS_IMAGE_RANGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"

namespace ferry {

class [[nodiscard]] ImageRange {
 public:
  // Addresses without memory.
  static absl::StatusOr<ImageRange> Reserve(uint64_t size_bytes);
  // Memory that somebody else owns.
  static ImageRange Over(std::byte* data, uint64_t size_bytes) {
    return ImageRange(data, size_bytes, /*reserved=*/false);
  }

  ImageRange(ImageRange&& other) noexcept;
  ImageRange& operator=(ImageRange&&) = delete;
  ~ImageRange();

  std::byte* data() const { return data_; }
  uint64_t size_bytes() const { return size_bytes_; }

  // Nothing when `address` is not in the range.
  std::optional<uint64_t> OffsetOf(const void* address) const;

 private:
  ImageRange(std::byte* data, uint64_t size_bytes, bool reserved)
      : data_(data), size_bytes_(size_bytes), reserved_(reserved) {}

  std::byte* const data_;
  const uint64_t size_bytes_;
  bool reserved_;  // False once moved from.
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_IMAGE_RANGE_H_
