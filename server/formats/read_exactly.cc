#include "server/formats/read_exactly.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace ferry {

absl::StatusOr<std::string> ReadExactly(int fd, uint64_t offset_bytes,
                                        uint64_t size_bytes) {
  // Linux reads at most 2 GiB - 4 KiB at a time.
  constexpr uint64_t kChunkBytes = uint64_t{1} << 30;
  std::string bytes(size_bytes, '\0');
  for (uint64_t done = 0; done < size_bytes;) {
    const ssize_t count = ::pread(fd, bytes.data() + done,
                                  std::min(size_bytes - done, kChunkBytes),
                                  static_cast<off_t>(offset_bytes + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return absl::InternalError(
          absl::StrCat("reading ", size_bytes, " bytes at offset ",
                       offset_bytes, " failed: ", std::strerror(errno)));
    }
    if (count == 0) {
      return absl::DataLossError(
          absl::StrCat("the file ended at byte ", offset_bytes + done,
                       " while being read; it was longer when it was opened"));
    }
    done += static_cast<uint64_t>(count);
  }
  return bytes;
}

}  // namespace ferry
