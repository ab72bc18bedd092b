#include "tests/support/zip_writer.h"

#include <algorithm>
#include <libdeflate.h>
#include <memory>
#include <span>
#include <unistd.h>

#include <sys/mman.h>

#include "server/base/crc32.h"
#include "server/base/invariant.h"

namespace ferry {
namespace {

constexpr uint64_t kAlignmentBytes = 64;
constexpr uint64_t kSaturated16 = 0xffff;
constexpr uint64_t kSaturated32 = 0xffffffff;

// The lowest `size` bytes of `number`, little end first.
std::string Le(uint64_t number, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) {
    bytes.push_back(static_cast<char>(number >> (8 * i)));
  }
  return bytes;
}

std::string Deflate(std::string_view bytes) {
  const std::unique_ptr<libdeflate_compressor,
                        decltype([](libdeflate_compressor* compressor) {
                          libdeflate_free_compressor(compressor);
                        })>
      compressor(libdeflate_alloc_compressor(6));
  std::string packed(
      libdeflate_deflate_compress_bound(compressor.get(), bytes.size()), '\0');
  packed.resize(libdeflate_deflate_compress(compressor.get(), bytes.data(),
                                            bytes.size(), packed.data(),
                                            packed.size()));
  return packed;
}

}  // namespace

ZipWriter& ZipWriter::Add(std::string_view name, std::string_view bytes,
                          const ZipLies& lies) {
  return AddWhole(top_ + "/" + std::string(name), bytes, lies);
}

ZipWriter& ZipWriter::AddWhole(const std::string& name, std::string_view bytes,
                               const ZipLies& lies) {
  const std::string stored =
      lies.deflated ? Deflate(bytes) : std::string(bytes);
  const uint32_t crc =
      lies.crc32.value_or(Crc32(0, std::as_bytes(std::span(bytes))));
  const uint64_t size = lies.size_bytes.value_or(bytes.size());
  const uint64_t stored_size = lies.stored_size_bytes.value_or(stored.size());
  const uint16_t method = lies.method.value_or(lies.deflated ? 8 : 0);
  const std::string local_name = lies.local_name.value_or(name);

  const uint64_t header = bytes_.size();
  const uint64_t data = header + 30 + local_name.size() + 4;
  const uint64_t padding =
      lies.unaligned
          ? 1
          : (kAlignmentBytes - data % kAlignmentBytes) % kAlignmentBytes;
  bytes_ +=
      std::string("PK\3\4") + Le(20, 2) +
      Le(lies.local_flags.value_or(lies.flags), 2) + Le(method, 2) + Le(0, 4) +
      Le(lies.local_crc32.value_or(crc), 4) +
      Le(std::min(stored_size, kSaturated32), 4) +
      Le(std::min(lies.local_size_bytes.value_or(size), kSaturated32), 4) +
      Le(local_name.size(), 2) + Le(padding + 4, 2) + local_name + "FB" +
      Le(padding, 2) + std::string(padding, 'Z') + stored;

  const uint64_t directory_size = lies.directory_size_bytes.value_or(size);
  const uint64_t offset = lies.header_offset_bytes.value_or(header);
  std::string extra = lies.directory_extra.value_or("");
  if (lies.zip64) {
    extra += Le(1, 2) + Le(24, 2) + Le(directory_size, 8) + Le(stored_size, 8) +
             Le(offset, 8);
  }
  const auto narrow = [&](uint64_t number) {
    return Le(lies.zip64 ? kSaturated32 : number, 4);
  };
  directory_ += std::string("PK\1\2") + Le(20, 2) + Le(20, 2) +
                Le(lies.flags, 2) + Le(method, 2) + Le(0, 4) + Le(crc, 4) +
                narrow(stored_size) + narrow(directory_size) +
                Le(name.size(), 2) + Le(extra.size(), 2) + Le(0, 2) +
                Le(lies.disk, 2) + Le(0, 2) + Le(0, 4) + narrow(offset) + name +
                extra;
  ++records_;
  return *this;
}

std::string ZipWriter::Finish(const ZipEndLies& lies) const {
  const std::string directory = directory_ + lies.directory_tail;
  const uint64_t records = lies.records.value_or(records_);
  const uint64_t size = lies.directory_size_bytes.value_or(directory.size());
  const uint64_t offset =
      bytes_.size() + static_cast<uint64_t>(lies.directory_shift_bytes);
  std::string end;
  if (lies.zip64) {
    end += std::string("PK\6\6") + Le(44, 8) + Le(45, 2) + Le(45, 2) +
           Le(lies.disk, 4) + Le(0, 4) + Le(records, 8) + Le(records, 8) +
           Le(size, 8) + Le(offset, 8);
    end +=
        std::string("PK\6\7") + Le(0, 4) +
        Le(lies.locator_offset_bytes.value_or(bytes_.size() + directory.size()),
           8) +
        Le(1, 4);
  }
  end += std::string("PK\5\6") + Le(lies.zip64 ? 0 : lies.disk, 2) + Le(0, 2) +
         Le(std::min(records, kSaturated16), 2) +
         Le(std::min(records, kSaturated16), 2) +
         Le(std::min(size, kSaturated32), 4) +
         Le(std::min(offset, kSaturated32), 4) + Le(lies.comment.size(), 2) +
         lies.comment;
  return bytes_ + directory + end;
}

UniqueFd MemoryFile(std::string_view bytes) {
  UniqueFd fd(::memfd_create("ferry-test", MFD_CLOEXEC));
  INVARIANT(fd);
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd.get(), bytes.data(), bytes.size());
    INVARIANT(count > 0);
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return fd;
}

}  // namespace ferry
