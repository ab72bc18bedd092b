#include "client/ctl/files.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace ferry::client {

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  std::error_code error;
  // Told before reading: a directory can be opened, and a pipe never ends.
  const uint64_t size_bytes = std::filesystem::file_size(path, error);
  if (error) {
    return absl::NotFoundError(
        absl::StrCat(path, ": cannot be read: ", error.message()));
  }
  if (size_bytes > kFileBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": larger than ", kFileBytesMax, " bytes"));
  }
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::string content(size_bytes, '\0');
  stream.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!stream) {
    return absl::NotFoundError(
        absl::StrCat(path, ": cannot be read: ", std::strerror(errno)));
  }
  return content;
}

absl::Status WriteFile(const std::string& path, std::string_view content) {
  errno = 0;
  std::ofstream stream(path, std::ios::binary | std::ios::trunc);
  stream.write(content.data(), static_cast<std::streamsize>(content.size()));
  stream.close();
  if (stream) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat(path, ": cannot be written: ", std::strerror(errno)));
}

}  // namespace ferry::client
