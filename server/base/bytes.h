// Byte counts and rates as people write them: "256MiB", "4GB", "2.5GBps".
//
// KB, MB, GB and TB are powers of 1000; KiB, MiB, GiB and TiB of 1024. A bare
// number, or one with B, is bytes. A fraction needs a unit above bytes, and
// what it leaves below one byte is cut off.
//
// Threads:  any.
// Units:    bytes; bytes per second.
// Fails:    INVALID_ARGUMENT when the text is not a size, or passes 2^64 - 1.

#ifndef SERVER_BASE_BYTES_H_
#define SERVER_BASE_BYTES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace ferry {

absl::StatusOr<uint64_t> ParseBytes(std::string_view text);

// ParseBytes() with "ps" or "/s" behind it; the rate is positive.
absl::StatusOr<uint64_t> ParseBytesPerSecond(std::string_view text);

// For people, so rounded: "0 B", "1023 B", "256.0 MiB", "1.5 GiB".
std::string FormatBytes(uint64_t size_bytes);

}  // namespace ferry

#endif  // SERVER_BASE_BYTES_H_
