#include "server/base/crc32.h"

#include <libdeflate.h>
#include <zlib.h>

namespace ferry {

uint32_t Crc32(uint32_t seed, std::span<const std::byte> bytes) {
  // libdeflate answers a null pointer with the start value, not the seed.
  if (bytes.empty()) return seed;
  return libdeflate_crc32(seed, bytes.data(), bytes.size());
}

uint32_t Crc32Combine(uint32_t first, uint32_t second,
                      uint64_t second_size_bytes) {
  // Large file support makes this the 64-bit one wherever off_t has 64 bits.
  static_assert(sizeof(z_off_t) == sizeof(uint64_t));
  return static_cast<uint32_t>(
      crc32_combine(first, second, static_cast<z_off_t>(second_size_bytes)));
}

}  // namespace ferry
