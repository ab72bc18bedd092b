// An ImageRange is the range of addresses that a Program's tensors point into.
//
// It stands for the weight image before there is one: every tensor tells by its
// address which bytes of the image are its own. Who reads there finds zeros
// where nothing was filled in, and is found out: WasRead() asks the kernel
// which pages were ever touched, so that what was concluded from zeros is
// thrown away. A module whose code needs real weights while it is built has the
// filled host copy for its range.
//
// Owns:     the reserved addresses; a borrowed host copy is only read while
//           the module is built.
// Threads:  one thread at a time until it is built; immutable afterwards.
// Units:    bytes; offsets from the start of the image.
// Fails:    RESOURCE_EXHAUSTED when the address space has no such range, or
//           there is no memory to fill in.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_IMAGE_RANGE_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_IMAGE_RANGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ferry {

class [[nodiscard]] ImageRange {
 public:
  // Addresses without memory, for reading only.
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

  // Puts bytes into a reserved range. Whatever lies behind them counts as
  // filled too.
  absl::Status Fill(uint64_t offset_bytes, std::string_view bytes);
  // Gives the memory of what was filled back.
  void Empty();
  // Whether anybody has read a byte of a reserved range that lies on a page
  // before the first that was filled.
  bool WasRead() const;

  // Nothing when `address` is not in the range.
  std::optional<uint64_t> OffsetOf(const void* address) const;

 private:
  ImageRange(std::byte* data, uint64_t size_bytes, bool reserved)
      : data_(data),
        size_bytes_(size_bytes),
        filled_from_bytes_(size_bytes),
        reserved_(reserved) {}

  std::byte* const data_;
  const uint64_t size_bytes_;
  uint64_t filled_from_bytes_;
  bool reserved_;  // False once moved from.
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_IMAGE_RANGE_H_
