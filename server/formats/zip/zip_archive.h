// A ZipArchive is the checked directory of a zip file that PyTorch wrote.
//
// Readers of zip files disagree about hostile ones: which of two equal names
// counts, whose sizes, where the directory is. This reader knows one answer and
// refuses the file when there could be two. (Layout: APPNOTE.TXT 6.3.10 by
// PKWARE, sections 4.3 to 4.5; zip64 included.)
//
// Owns:     the descriptor; fd() is borrowed, for pread.
// Threads:  immutable after Open(); any number of threads.
// Units:    bytes; offsets from the start of the file.
// Fails:    INVALID_ARGUMENT when the file is not such an archive, naming the
//           record and the numbers; DATA_LOSS when a record read fails its
//           checksum or the file shrank; INTERNAL when the disk fails;
//           NOT_FOUND when no record has that name.
// Limits:   those of zip_directory.h.

#ifndef SERVER_FORMATS_ZIP_ZIP_ARCHIVE_H_
#define SERVER_FORMATS_ZIP_ZIP_ARCHIVE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/base/unique_fd.h"

namespace ferry {

struct ZipRecord {
  std::string name;  // Without the archive's top folder.
  uint64_t file_offset_bytes = 0;
  uint64_t stored_size_bytes = 0;  // In the file.
  uint64_t size_bytes = 0;         // Once inflated; the same when stored.
  uint32_t crc32 = 0;
  bool deflated = false;
};

class ZipArchive {
 public:
  // `display_path` is the name that messages use; it opens nothing.
  static absl::StatusOr<std::unique_ptr<ZipArchive>> Open(
      UniqueFd fd, std::string display_path);

  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  // Ascending by name.
  const std::vector<ZipRecord>& records() const { return records_; }
  // Null when there is none of that name.
  const ZipRecord* Find(std::string_view name) const;

  // A whole record in memory, inflated and with its checksum verified.
  // INVALID_ARGUMENT when it has more than `size_max_bytes`.
  absl::StatusOr<std::string> Read(std::string_view name,
                                   uint64_t size_max_bytes) const;

  int fd() const { return fd_.get(); }
  const std::string& path() const { return path_; }
  uint64_t file_size_bytes() const { return file_size_bytes_; }

 private:
  ZipArchive(UniqueFd fd, std::string path, uint64_t file_size_bytes,
             std::vector<ZipRecord> records)
      : fd_(std::move(fd)),
        path_(std::move(path)),
        file_size_bytes_(file_size_bytes),
        records_(std::move(records)) {}

  const UniqueFd fd_;
  const std::string path_;
  const uint64_t file_size_bytes_;
  const std::vector<ZipRecord> records_;
};

}  // namespace ferry

#endif  // SERVER_FORMATS_ZIP_ZIP_ARCHIVE_H_
