// CRC-32 as zip keeps it of each record (ISO 3309, polynomial 0xEDB88320).
//
// Crc32() goes on from where a former call ended, so bytes are summed while
// they arrive; Crc32Combine() joins sums that threads made of neighbouring
// ranges, without the bytes.
//
// Threads:  any.
// Units:    bytes.

#ifndef SERVER_BASE_CRC32_H_
#define SERVER_BASE_CRC32_H_

#include <cstddef>
#include <cstdint>
#include <span>

namespace ferry {

// The sum of what `seed` is the sum of, followed by `bytes`. Nothing sums to 0.
uint32_t Crc32(uint32_t seed, std::span<const std::byte> bytes);

// The sum of a range followed by a second of `second_size_bytes`, from theirs.
uint32_t Crc32Combine(uint32_t first, uint32_t second,
                      uint64_t second_size_bytes);

}  // namespace ferry

#endif  // SERVER_BASE_CRC32_H_
