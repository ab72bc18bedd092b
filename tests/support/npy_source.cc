#include "tests/support/npy_source.h"

#include <array>
#include <cstring>
#include <regex>
#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/status_macros.h"

namespace ferry {
namespace {

absl::StatusOr<NpySource::Array> ReadHeader(const NpySource::NamedFd& file) {
  const auto refuse = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat(file.path, ": ", why));
  };
  std::array<char, 4096> head{};
  const ssize_t got = ::pread(file.fd.get(), head.data(), head.size(), 0);
  if (got < 12 || std::memcmp(head.data(), "\x93NUMPY", 6) != 0) {
    return refuse("not what numpy.save writes");
  }
  // The length has two bytes in version 1 and four behind it.
  const size_t length_bytes = head[6] == 1 ? 2 : 4;
  uint32_t header_bytes = 0;
  std::memcpy(&header_bytes, head.data() + 8, length_bytes);
  const uint64_t data_bytes = 8 + length_bytes + header_bytes;
  if (data_bytes > static_cast<uint64_t>(got)) return refuse("cut short");

  const std::string header(head.data() + 8 + length_bytes, header_bytes);
  const std::regex fields(
      R"(\{'descr': '<f([48])', 'fortran_order': False, )"
      R"('shape': \((\d*)L?(?:, ?(\d*)L?)?,?\)[,\s]*\}\s*)");
  std::smatch match;
  if (!std::regex_match(header, match, fields)) {
    return refuse("not float32 or float64 in C order");
  }
  NpySource::Array array;
  array.dtype = match[1] == "4" ? DType::kFloat32 : DType::kFloat64;
  array.size_bytes = SizeBytes(array.dtype);
  for (const size_t group : {2, 3}) {
    if (match[group].length() == 0) continue;
    array.shape.push_back(std::stoll(match[group]));
    array.size_bytes *= static_cast<uint64_t>(array.shape.back());
  }
  array.file_offset_bytes = data_bytes;
  return array;
}

uint64_t NextPage(uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

}  // namespace

absl::StatusOr<std::unique_ptr<NpySource>> NpySource::Open(
    std::vector<NamedFd> files) {
  std::unique_ptr<NpySource> source(new NpySource(std::move(files)));
  ImageLayout& layout = source->layout_;
  for (size_t i = 0; i < source->owned_.size(); ++i) {
    const NamedFd& file = source->owned_[i];
    ASSIGN_OR_RETURN(const Array array, ReadHeader(file));
    source->files_.push_back({file.fd.get(), file.path});
    const uint64_t at_bytes = NextPage(layout.size_bytes);
    layout.records.push_back({.name = file.path,
                              .file_index = i,
                              .file_offset_bytes = array.file_offset_bytes,
                              .image_offset_bytes = at_bytes,
                              .size_bytes = array.size_bytes});
    if (array.size_bytes > 0) {
      layout.spans.push_back({.file_index = i,
                              .file_offset_bytes = array.file_offset_bytes,
                              .image_offset_bytes = at_bytes,
                              .size_bytes = array.size_bytes});
      layout.size_bytes = at_bytes + array.size_bytes;
    }
    source->arrays_.push_back(array);
  }
  return source;
}

}  // namespace ferry
