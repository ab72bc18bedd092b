#include "server/formats/read_exactly.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"

namespace ferry {

absl::Status ReadExactly(int fd, uint64_t offset_bytes,
                         std::span<std::byte> to) {
  while (!to.empty()) {
    // Linux reads at most 2 GiB - 4 KiB at a time, however much is asked for.
    const ssize_t got =
        ::pread(fd, to.data(), to.size(), static_cast<off_t>(offset_bytes));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return absl::InternalError(
          absl::StrCat("reading ", to.size(), " bytes at offset ", offset_bytes,
                       " failed: ", std::strerror(errno)));
    }
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(
          "ends at or before byte ", offset_bytes, ", and was to go on to ",
          offset_bytes + to.size(),
          " or further: the file became shorter while it was read"));
    }
    offset_bytes += static_cast<uint64_t>(got);
    to = to.subspan(static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadExactly(int fd, uint64_t offset_bytes,
                                        uint64_t size_bytes) {
  std::string bytes(size_bytes, '\0');
  RETURN_IF_ERROR(
      ReadExactly(fd, offset_bytes, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

}  // namespace ferry
