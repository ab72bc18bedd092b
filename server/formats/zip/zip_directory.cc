#include "server/formats/zip/zip_directory.h"

#include <algorithm>
#include <utility>

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/little_endian.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

constexpr std::string_view kEndMagic("PK\5\6", 4);
constexpr std::string_view kWideEndMagic("PK\6\6", 4);
constexpr std::string_view kWideLocatorMagic("PK\6\7", 4);
constexpr std::string_view kEntryMagic("PK\1\2", 4);
constexpr std::string_view kLocalMagic("PK\3\4", 4);

constexpr uint64_t kEndSize = 22;
constexpr uint64_t kWideEndSize = 56;
constexpr uint64_t kWideLocatorSize = 20;
constexpr uint64_t kEntrySize = 46;
constexpr uint64_t kLocalSize = 30;

// A field that holds this says "see the zip64 field".
constexpr uint64_t kSaturated16 = 0xffff;
constexpr uint64_t kSaturated32 = 0xffffffff;

constexpr uint16_t kFlagSizesFollow = 1 << 3;
// Deflate's own choices, sizes behind the data, names in UTF-8. Every other
// flag changes how the bytes are to be read: encryption, patches, masks.
constexpr uint16_t kFlagsKnown = 1 << 1 | 1 << 2 | kFlagSizesFollow | 1 << 11;
constexpr uint16_t kFlagsEncrypted = 1 << 0 | 1 << 6 | 1 << 13;

constexpr uint16_t kMethodStored = 0;
constexpr uint16_t kMethodDeflated = 8;

uint64_t Load16(std::string_view bytes, size_t offset) {
  return LoadLittleEndian<uint16_t>(bytes, offset);
}
uint64_t Load32(std::string_view bytes, size_t offset) {
  return LoadLittleEndian<uint32_t>(bytes, offset);
}
uint64_t Load64(std::string_view bytes, size_t offset) {
  return LoadLittleEndian<uint64_t>(bytes, offset);
}

// What the end records say, and where the first of them begins.
struct EndRecord {
  ZipPlace place;
  uint64_t offset_bytes = 0;
};

absl::StatusOr<EndRecord> ReadEnd(std::string_view tail, uint64_t file_size) {
  const std::string_view end = tail.substr(tail.size() - kEndSize);
  if (Load16(end, 4) != 0 || Load16(end, 6) != 0) {
    return Refusal("it is one part of a split archive");
  }
  if (Load16(end, 8) != Load16(end, 10)) {
    return Refusal("its end record counts ", Load16(end, 8), " records and ",
                   Load16(end, 10));
  }
  return EndRecord{.place = {.offset_bytes = Load32(end, 16),
                             .size_bytes = Load32(end, 12),
                             .records = Load16(end, 10)},
                   .offset_bytes = file_size - kEndSize};
}

// The zip64 end record, which PyTorch always writes; `end` must agree with it
// or be saturated.
absl::StatusOr<EndRecord> ReadWideEnd(std::string_view tail, uint64_t file_size,
                                      EndRecord end) {
  const size_t locator_at = tail.size() - kEndSize - kWideLocatorSize;
  const std::string_view locator = tail.substr(locator_at);
  if (locator_at < kWideEndSize) {
    return Refusal("its zip64 end record lies outside the file");
  }
  const uint64_t expected =
      file_size - kEndSize - kWideLocatorSize - kWideEndSize;
  if (Load64(locator, 8) != expected) {
    return Refusal("its zip64 end record should be at byte ", expected,
                   ", its locator says ", Load64(locator, 8));
  }
  if (Load32(locator, 4) != 0 || Load32(locator, 16) > 1) {
    return Refusal("it is one part of a split archive");
  }
  const std::string_view wide = tail.substr(locator_at - kWideEndSize);
  if (!wide.starts_with(kWideEndMagic) ||
      Load64(wide, 4) != kWideEndSize - 12) {
    return Refusal("its zip64 end record at byte ", expected, " is broken");
  }
  if (Load32(wide, 16) != 0 || Load32(wide, 20) != 0 ||
      Load64(wide, 24) != Load64(wide, 32)) {
    return Refusal("it is one part of a split archive");
  }
  const ZipPlace place = {.offset_bytes = Load64(wide, 48),
                          .size_bytes = Load64(wide, 40),
                          .records = Load64(wide, 32)};
  const auto agree = [](uint64_t narrow, uint64_t wide, uint64_t saturated) {
    return narrow == wide || narrow == saturated;
  };
  if (!agree(end.place.records, place.records, kSaturated16) ||
      !agree(end.place.size_bytes, place.size_bytes, kSaturated32) ||
      !agree(end.place.offset_bytes, place.offset_bytes, kSaturated32)) {
    return Refusal("its two end records disagree about the directory");
  }
  return EndRecord{.place = place, .offset_bytes = expected};
}

// Replaces saturated numbers by those of the zip64 field, in its order.
absl::Status ReadWideField(std::string_view extra, ZipEntry& entry,
                           bool saturated[3]) {
  uint64_t* const numbers[3] = {&entry.size_bytes, &entry.stored_size_bytes,
                                &entry.header_offset_bytes};
  while (!extra.empty()) {
    if (extra.size() < 4 || Load16(extra, 2) > extra.size() - 4) {
      return Refusal("record ", Shown(entry.name),
                     " has a broken extra field in the directory");
    }
    std::string_view field = extra.substr(4, Load16(extra, 2));
    const bool is_wide = Load16(extra, 0) == 1;
    extra.remove_prefix(4 + field.size());
    if (!is_wide) continue;
    for (int i = 0; i < 3; ++i) {
      if (!saturated[i]) continue;
      if (field.size() < 8) {
        return Refusal("record ", Shown(entry.name),
                       " has a zip64 field that is too short");
      }
      *numbers[i] = Load64(field, 0);
      saturated[i] = false;
      field.remove_prefix(8);
    }
  }
  if (saturated[0] || saturated[1] || saturated[2]) {
    return Refusal("record ", Shown(entry.name), " has no zip64 field");
  }
  return absl::OkStatus();
}

absl::Status CheckName(std::string_view name) {
  const auto refuse = [&](std::string_view why) {
    return Refusal("record name ", Shown(name), " ", why);
  };
  if (name.size() > kZipNameLengthMax) {
    return Refusal("record name ", Shown(name), " has ", name.size(),
                   " bytes; at most ", kZipNameLengthMax, " are allowed");
  }
  if (name.find('\0') != name.npos) return refuse("holds a NUL byte");
  if (name.find('\\') != name.npos) return refuse("holds a backslash");
  if (name.find('/') == name.npos) {
    return refuse("is not in the archive's top folder");
  }
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") {
      return refuse("has an empty, '.' or '..' part");
    }
    begin = end + 1;
  }
  return absl::OkStatus();
}

absl::Status CheckMethod(const ZipEntry& entry, uint16_t method) {
  if (entry.flags & kFlagsEncrypted) {
    return Refusal("record ", Shown(entry.name), " is encrypted");
  }
  if (entry.flags & ~kFlagsKnown) {
    return Refusal("record ", Shown(entry.name), " has flags ", entry.flags,
                   ", of which only ", kFlagsKnown, " are known");
  }
  if (method != kMethodStored && method != kMethodDeflated) {
    return Refusal("record ", Shown(entry.name), " is compressed by method ",
                   method, "; only stored and deflated records are read");
  }
  if (!entry.deflated && entry.stored_size_bytes != entry.size_bytes) {
    return Refusal("record ", Shown(entry.name), " is stored, yet has ",
                   entry.stored_size_bytes, " bytes in the file and ",
                   entry.size_bytes, " outside of it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ZipPlace> FindZipDirectory(std::string_view tail,
                                          uint64_t file_size_bytes) {
  if (tail.size() < kEndSize ||
      !tail.substr(tail.size() - kEndSize).starts_with(kEndMagic)) {
    return Refusal("it has no zip end record in its last ", kEndSize,
                   " bytes: it was cut off, has bytes behind the archive, or "
                   "never was one");
  }
  ASSIGN_OR_RETURN(EndRecord end, ReadEnd(tail, file_size_bytes));
  if (tail.size() >= kEndSize + kWideLocatorSize &&
      tail.substr(tail.size() - kEndSize - kWideLocatorSize)
          .starts_with(kWideLocatorMagic)) {
    ASSIGN_OR_RETURN(end, ReadWideEnd(tail, file_size_bytes, end));
  }
  const ZipPlace& place = end.place;
  if (place.records == 0) return Refusal("it is an archive without records");
  if (place.records > kZipRecordsMax) {
    return Refusal("it has ", place.records, " records; at most ",
                   kZipRecordsMax, " are allowed");
  }
  if (place.size_bytes > kZipDirectorySizeMax) {
    return Refusal("its directory has ", place.size_bytes, " bytes; at most ",
                   kZipDirectorySizeMax, " are allowed");
  }
  if (place.size_bytes > end.offset_bytes ||
      place.offset_bytes != end.offset_bytes - place.size_bytes) {
    return Refusal("its directory of ", place.size_bytes,
                   " bytes is said to be at byte ", place.offset_bytes,
                   ", and should end where the end record begins, at byte ",
                   end.offset_bytes);
  }
  return place;
}

absl::StatusOr<std::vector<ZipEntry>> ParseZipDirectory(
    std::string_view directory, uint64_t records) {
  if (records > directory.size() / kEntrySize) {
    return Refusal("its directory of ", directory.size(), " bytes cannot hold ",
                   records, " records");
  }
  std::vector<ZipEntry> entries;
  entries.reserve(records);
  for (uint64_t i = 0; i < records; ++i) {
    if (directory.size() < kEntrySize || !directory.starts_with(kEntryMagic)) {
      return Refusal("entry ", i, " of its directory is broken");
    }
    const uint64_t name_size = Load16(directory, 28);
    const uint64_t extra_size = Load16(directory, 30);
    const uint64_t size =
        kEntrySize + name_size + extra_size + Load16(directory, 32);
    if (size > directory.size()) {
      return Refusal("entry ", i, " of its directory ends behind it");
    }
    ZipEntry entry = {
        .name = std::string(directory.substr(kEntrySize, name_size)),
        .header_offset_bytes = Load32(directory, 42),
        .stored_size_bytes = Load32(directory, 20),
        .size_bytes = Load32(directory, 24),
        .crc32 = LoadLittleEndian<uint32_t>(directory, 16),
        .flags = LoadLittleEndian<uint16_t>(directory, 8),
        .deflated = Load16(directory, 10) == kMethodDeflated};
    RETURN_IF_ERROR(CheckName(entry.name));
    if (Load16(directory, 34) != 0) {
      return Refusal("record ", Shown(entry.name),
                     " is in another part of a split archive");
    }
    bool saturated[3] = {entry.size_bytes == kSaturated32,
                         entry.stored_size_bytes == kSaturated32,
                         entry.header_offset_bytes == kSaturated32};
    RETURN_IF_ERROR(
        ReadWideField(directory.substr(kEntrySize + name_size, extra_size),
                      entry, saturated));
    RETURN_IF_ERROR(
        CheckMethod(entry, LoadLittleEndian<uint16_t>(directory, 10)));
    entries.push_back(std::move(entry));
    directory.remove_prefix(size);
  }
  if (!directory.empty()) {
    return Refusal("its directory has ", directory.size(),
                   " bytes behind its last entry");
  }
  return entries;
}

uint64_t ZipLocalSize(const ZipEntry& entry) {
  return kLocalSize + entry.name.size();
}

absl::StatusOr<uint64_t> ZipDataOffset(const ZipEntry& entry,
                                       std::string_view local) {
  INVARIANT(local.size() == ZipLocalSize(entry));
  const auto differs = [&](std::string_view what, uint64_t here,
                           uint64_t there) {
    return Refusal("record ", Shown(entry.name), ": its local header has ",
                   what, " ", here, ", the directory ", there);
  };
  if (!local.starts_with(kLocalMagic)) {
    return Refusal("record ", Shown(entry.name),
                   " has no local header at byte ", entry.header_offset_bytes);
  }
  if (Load16(local, 26) != entry.name.size() ||
      local.substr(kLocalSize) != entry.name) {
    return Refusal("record ", Shown(entry.name),
                   ": its local header names another record");
  }
  if (Load16(local, 6) != entry.flags) {
    return differs("flags", Load16(local, 6), entry.flags);
  }
  const uint64_t method = entry.deflated ? kMethodDeflated : kMethodStored;
  if (Load16(local, 8) != method) {
    return differs("method", Load16(local, 8), method);
  }
  // Where the numbers follow the data, the header may leave them out.
  const bool optional = (entry.flags & kFlagSizesFollow) != 0;
  const auto agrees = [&](uint64_t here, uint64_t there) {
    return here == there || (optional && here == 0);
  };
  if (!agrees(Load32(local, 14), entry.crc32)) {
    return differs("checksum", Load32(local, 14), entry.crc32);
  }
  if (!agrees(Load32(local, 18), entry.stored_size_bytes) &&
      Load32(local, 18) != kSaturated32) {
    return differs("stored size", Load32(local, 18), entry.stored_size_bytes);
  }
  if (!agrees(Load32(local, 22), entry.size_bytes) &&
      Load32(local, 22) != kSaturated32) {
    return differs("size", Load32(local, 22), entry.size_bytes);
  }
  return entry.header_offset_bytes + ZipLocalSize(entry) + Load16(local, 28);
}

}  // namespace ferry
