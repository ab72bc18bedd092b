// The directory of a zip file: found, cut into entries, held against the file.
//
// Pure functions over bytes that ZipArchive read, so each refusal is a test
// without a file. (APPNOTE.TXT 6.3.10 by PKWARE: 4.3.7 local header, 4.3.12
// directory, 4.3.14 to 4.3.16 end records, 4.5.3 zip64.)
//
// Threads:  any.
// Units:    bytes; offsets from the start of the file.
// Fails:    INVALID_ARGUMENT naming the record and the numbers.
// Limits:   kZipRecordsMax, kZipDirectorySizeMax, kZipNameLengthMax.

#ifndef SERVER_FORMATS_ZIP_ZIP_DIRECTORY_H_
#define SERVER_FORMATS_ZIP_ZIP_DIRECTORY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ferry {

inline constexpr uint64_t kZipRecordsMax = uint64_t{1} << 18;
inline constexpr uint64_t kZipDirectorySizeMax = uint64_t{64} << 20;
inline constexpr uint64_t kZipNameLengthMax = 1024;

// The end records need no more of the file's end than this.
inline constexpr uint64_t kZipTailSize = 22 + 20 + 56;

struct ZipPlace {
  uint64_t offset_bytes = 0;  // The directory; the records lie before it.
  uint64_t size_bytes = 0;
  uint64_t records = 0;
};

struct ZipEntry {
  std::string name;  // As in the file, with the top folder.
  uint64_t header_offset_bytes = 0;
  uint64_t stored_size_bytes = 0;
  uint64_t size_bytes = 0;
  uint32_t crc32 = 0;
  uint16_t flags = 0;
  bool deflated = false;
};

// `tail` is the file's last kZipTailSize bytes, or all of a smaller file.
absl::StatusOr<ZipPlace> FindZipDirectory(std::string_view tail,
                                          uint64_t file_size_bytes);

absl::StatusOr<std::vector<ZipEntry>> ParseZipDirectory(
    std::string_view directory, uint64_t records);

// How many bytes a record's local header has up to its extra field.
uint64_t ZipLocalSize(const ZipEntry& entry);

// Where the record's bytes begin, given the ZipLocalSize() bytes of its local
// header, which must tell the same story as the directory does.
absl::StatusOr<uint64_t> ZipDataOffset(const ZipEntry& entry,
                                       std::string_view local);

}  // namespace ferry

#endif  // SERVER_FORMATS_ZIP_ZIP_DIRECTORY_H_
