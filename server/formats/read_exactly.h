// ReadExactly() reads a range of a file whole, or says why it could not.
//
// Threads:  any.
// Units:    bytes.
// Fails:    DATA_LOSS when the file ends before the range does: it was longer
//           when it was opened. INTERNAL when the disk fails.

#ifndef SERVER_FORMATS_READ_EXACTLY_H_
#define SERVER_FORMATS_READ_EXACTLY_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace ferry {

// `size_bytes` bytes from `offset_bytes` on. The caller has bounded the size.
absl::StatusOr<std::string> ReadExactly(int fd, uint64_t offset_bytes,
                                        uint64_t size_bytes);

}  // namespace ferry

#endif  // SERVER_FORMATS_READ_EXACTLY_H_
