#include "server/formats/zip/zip_archive.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <libdeflate.h>
#include <span>

#include <sys/stat.h>

#include "absl/strings/str_cat.h"

#include "server/base/crc32.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/read_exactly.h"
#include "server/formats/refusal.h"
#include "server/formats/zip/zip_directory.h"

namespace ferry {
namespace {

// The bytes of one record in the file, with its local header.
struct Extent {
  uint64_t begin_bytes;
  uint64_t end_bytes;
  const ZipEntry* entry;
};

absl::StatusOr<uint64_t> FileSize(int fd) {
  struct stat facts;
  if (::fstat(fd, &facts) != 0) {
    return absl::InternalError(
        absl::StrCat("its size cannot be had: ", std::strerror(errno)));
  }
  if (!S_ISREG(facts.st_mode)) {
    return absl::InvalidArgumentError("it is not a regular file");
  }
  if (facts.st_size == 0) return absl::InvalidArgumentError("it is empty");
  return static_cast<uint64_t>(facts.st_size);
}

// Where the record's bytes lie: its local header must say so too, and both must
// be in front of the directory.
absl::StatusOr<Extent> FindExtent(int fd, uint64_t directory_offset_bytes,
                                  const ZipEntry& entry, ZipRecord& record) {
  const auto outside = [&](uint64_t at) {
    return Refusal("record ", Shown(entry.name), " of ",
                   entry.stored_size_bytes, " bytes at byte ", at,
                   " lies outside the records, which end at byte ",
                   directory_offset_bytes);
  };
  const uint64_t header_at = entry.header_offset_bytes;
  if (header_at > directory_offset_bytes ||
      directory_offset_bytes - header_at < ZipLocalSize(entry)) {
    return outside(header_at);
  }
  ASSIGN_OR_RETURN(const std::string local,
                   ReadExactly(fd, header_at, ZipLocalSize(entry)));
  ASSIGN_OR_RETURN(const uint64_t data_at, ZipDataOffset(entry, local));
  if (data_at > directory_offset_bytes ||
      directory_offset_bytes - data_at < entry.stored_size_bytes) {
    return outside(data_at);
  }
  record = {.name = entry.name.substr(entry.name.find('/') + 1),
            .file_offset_bytes = data_at,
            .stored_size_bytes = entry.stored_size_bytes,
            .size_bytes = entry.size_bytes,
            .crc32 = entry.crc32,
            .deflated = entry.deflated};
  return Extent{.begin_bytes = header_at,
                .end_bytes = data_at + entry.stored_size_bytes,
                .entry = &entry};
}

absl::Status CheckNoOverlap(std::vector<Extent> extents) {
  std::ranges::sort(extents, {}, &Extent::begin_bytes);
  for (size_t i = 1; i < extents.size(); ++i) {
    const Extent& before = extents[i - 1];
    const Extent& after = extents[i];
    if (after.begin_bytes >= before.end_bytes) continue;
    return Refusal("records ", Shown(before.entry->name), " and ",
                   Shown(after.entry->name), " overlap: one ends at byte ",
                   before.end_bytes, ", the other begins at byte ",
                   after.begin_bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<ZipRecord>> ReadRecords(int fd,
                                                   uint64_t file_size_bytes) {
  const uint64_t tail_size = std::min(file_size_bytes, kZipTailSize);
  ASSIGN_OR_RETURN(const std::string tail,
                   ReadExactly(fd, file_size_bytes - tail_size, tail_size));
  ASSIGN_OR_RETURN(const ZipPlace place,
                   FindZipDirectory(tail, file_size_bytes));
  ASSIGN_OR_RETURN(const std::string directory,
                   ReadExactly(fd, place.offset_bytes, place.size_bytes));
  ASSIGN_OR_RETURN(const std::vector<ZipEntry> entries,
                   ParseZipDirectory(directory, place.records));

  const std::string_view first = entries.front().name;
  const std::string_view top = first.substr(0, first.find('/') + 1);
  std::vector<ZipRecord> records(entries.size());
  std::vector<Extent> extents;
  extents.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    if (!entries[i].name.starts_with(top)) {
      return Refusal("records ", Shown(first), " and ", Shown(entries[i].name),
                     " are in different top folders");
    }
    ASSIGN_OR_RETURN(const Extent extent, FindExtent(fd, place.offset_bytes,
                                                     entries[i], records[i]));
    extents.push_back(extent);
  }
  RETURN_IF_ERROR(CheckNoOverlap(std::move(extents)));

  std::ranges::sort(records, {}, &ZipRecord::name);
  const auto twin = std::ranges::adjacent_find(records, {}, &ZipRecord::name);
  if (twin != records.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat("two records are called ", Shown(twin->name)));
  }
  return records;
}

absl::StatusOr<std::string> Inflate(const ZipRecord& record,
                                    const std::string& stored) {
  const std::unique_ptr<libdeflate_decompressor,
                        decltype(&libdeflate_free_decompressor)>
      decompressor(libdeflate_alloc_decompressor(),
                   &libdeflate_free_decompressor);
  if (decompressor == nullptr) {
    return absl::ResourceExhaustedError("no memory to inflate with");
  }
  std::string bytes(record.size_bytes, '\0');
  size_t consumed = 0;
  // Without an "actual size" to fill in, it demands exactly bytes.size().
  const libdeflate_result result = libdeflate_deflate_decompress_ex(
      decompressor.get(), stored.data(), stored.size(), bytes.data(),
      bytes.size(), &consumed, nullptr);
  if (result != LIBDEFLATE_SUCCESS || consumed != stored.size()) {
    return absl::DataLossError(
        absl::StrCat("record ", Shown(record.name), ": its ", stored.size(),
                     " deflated bytes do not inflate to ", record.size_bytes));
  }
  return bytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ZipArchive>> ZipArchive::Open(
    UniqueFd fd, std::string display_path) {
  const absl::StatusOr<uint64_t> file_size_bytes = FileSize(fd.get());
  if (!file_size_bytes.ok()) {
    return InFile(display_path, file_size_bytes.status());
  }
  absl::StatusOr<std::vector<ZipRecord>> records =
      ReadRecords(fd.get(), *file_size_bytes);
  if (!records.ok()) return InFile(display_path, records.status());
  return std::unique_ptr<ZipArchive>(
      new ZipArchive(std::move(fd), std::move(display_path), *file_size_bytes,
                     *std::move(records)));
}

const ZipRecord* ZipArchive::Find(std::string_view name) const {
  const auto found =
      std::ranges::lower_bound(records_, name, {}, &ZipRecord::name);
  return found != records_.end() && found->name == name ? &*found : nullptr;
}

absl::StatusOr<std::string> ZipArchive::Read(std::string_view name,
                                             uint64_t size_max_bytes) const {
  const ZipRecord* const record = Find(name);
  if (record == nullptr) {
    return InFile(path_, absl::NotFoundError(
                             absl::StrCat("it has no record ", Shown(name))));
  }
  if (std::max(record->size_bytes, record->stored_size_bytes) >
      size_max_bytes) {
    return InFile(path_,
                  Refusal("record ", Shown(name), " has ", record->size_bytes,
                          " bytes; at most ", size_max_bytes, " are allowed"));
  }
  absl::StatusOr<std::string> bytes = ReadExactly(
      fd_.get(), record->file_offset_bytes, record->stored_size_bytes);
  if (bytes.ok() && record->deflated) bytes = Inflate(*record, *bytes);
  if (!bytes.ok()) return InFile(path_, bytes.status());
  const uint32_t sum = Crc32(0, std::as_bytes(std::span(*bytes)));
  if (sum != record->crc32) {
    return InFile(path_, absl::DataLossError(absl::StrCat(
                             "record ", Shown(name), " has checksum ",
                             absl::Hex(sum, absl::kZeroPad8), ", should have ",
                             absl::Hex(record->crc32, absl::kZeroPad8))));
  }
  return bytes;
}

}  // namespace ferry
