// Whole files, read and written.
//
// Threads:  any.
// Fails:    NOT_FOUND, naming the file and why, when it cannot be read or
//           written; INVALID_ARGUMENT above kFileBytesMax.
// Limits:   kFileBytesMax to read.

#ifndef CLIENT_CTL_FILES_H_
#define CLIENT_CTL_FILES_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ferry::client {

inline constexpr uint64_t kFileBytesMax = uint64_t{2} << 30;

absl::StatusOr<std::string> ReadFile(const std::string& path);

absl::Status WriteFile(const std::string& path, std::string_view content);

}  // namespace ferry::client

#endif  // CLIENT_CTL_FILES_H_
