// A ZipWriter makes zip files as PyTorch does, and can lie in every field.
//
// Records are stored at offsets that are multiples of 64, and the end record is
// a zip64 one, unless a lie says otherwise.
//
// Owns:     the bytes written so far.
// Threads:  one thread at a time.
// Units:    bytes.

#ifndef TESTS_SUPPORT_ZIP_WRITER_H_
#define TESTS_SUPPORT_ZIP_WRITER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/base/unique_fd.h"

namespace ferry {

// What one record says of itself, where that is not the truth.
struct ZipLies {
  bool deflated = false;   // Not a lie: method 8, honestly.
  bool unaligned = false;  // Not a lie either.
  bool zip64 = false;      // Nor this: sizes and offset in a zip64 field.
  std::optional<uint32_t> crc32 = {};
  std::optional<uint64_t> size_bytes = {};         // In both headers.
  std::optional<uint64_t> stored_size_bytes = {};  // In both headers.
  std::optional<uint64_t> directory_size_bytes = {};
  std::optional<uint32_t> local_crc32 = {};
  std::optional<uint64_t> local_size_bytes = {};
  std::optional<uint64_t> header_offset_bytes = {};
  std::optional<std::string> local_name = {};
  std::optional<std::string> directory_extra = {};
  uint16_t flags = 0;
  std::optional<uint16_t> local_flags = {};
  std::optional<uint16_t> method = {};
  uint16_t disk = 0;
};

struct ZipEndLies {
  bool zip64 = true;
  std::optional<uint64_t> records = {};
  std::optional<uint64_t> directory_size_bytes = {};
  int64_t directory_shift_bytes = 0;
  uint16_t disk = 0;
  std::string comment = "";
  std::string directory_tail = "";  // Behind the last entry.
  std::optional<uint64_t> locator_offset_bytes = {};
};

class ZipWriter {
 public:
  // Records go below this folder; Add() takes names without it.
  explicit ZipWriter(std::string top = "archive") : top_(std::move(top)) {}

  ZipWriter& Add(std::string_view name, std::string_view bytes,
                 const ZipLies& lies = {});
  // As Add(), with the top folder in the name.
  ZipWriter& AddWhole(const std::string& name, std::string_view bytes,
                      const ZipLies& lies = {});

  std::string Finish(const ZipEndLies& lies = {}) const;

  // Where the next local header will be.
  uint64_t size_bytes() const { return bytes_.size(); }

 private:
  const std::string top_;
  std::string bytes_;
  std::string directory_;
  uint64_t records_ = 0;
};

// A file that holds `bytes` and has no name.
UniqueFd MemoryFile(std::string_view bytes);

}  // namespace ferry

#endif  // TESTS_SUPPORT_ZIP_WRITER_H_
