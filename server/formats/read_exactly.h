// ReadExactly() reads a range of a file whole, or says why it could not.
//
// Threads:  any.
// Units:    bytes.
// Fails:    DATA_LOSS when the file ends before the range does: it became
//           shorter since its size was taken. INTERNAL when the disk fails.

#ifndef SERVER_FORMATS_READ_EXACTLY_H_
#define SERVER_FORMATS_READ_EXACTLY_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ferry {

// From `offset_bytes` on. After an error `to` holds anything.
absl::Status ReadExactly(int fd, uint64_t offset_bytes,
                         std::span<std::byte> to);

// The caller has bounded the size.
absl::StatusOr<std::string> ReadExactly(int fd, uint64_t offset_bytes,
                                        uint64_t size_bytes);

}  // namespace ferry

#endif  // SERVER_FORMATS_READ_EXACTLY_H_
