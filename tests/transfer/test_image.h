// A TestImage is a file of random weights as a zip would hold them, with its
// layout: records, with a header between them, in spans that start on pages.
//
// Owns:     the file, which is in memory only.
// Threads:  one thread at a time.
// Units:    bytes.

#ifndef TESTS_TRANSFER_TEST_IMAGE_H_
#define TESTS_TRANSFER_TEST_IMAGE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

#include <sys/mman.h>

#include "server/base/crc32.h"
#include "server/base/invariant.h"
#include "server/base/unique_fd.h"
#include "server/formats/weights_source.h"
#include "server/transfer/transfer_plan.h"

namespace ferry {

// The sizes of the records in each span.
using Spans = std::vector<std::vector<uint64_t>>;

// One span for each list of record sizes; checksums are not filled in. Spans
// are far from each other in the file and next to each other in the image, and
// the file begins with something that is not weights.
inline ImageLayout LayOut(const Spans& spans) {
  const auto round_up = [](uint64_t value, uint64_t unit) {
    return (value + unit - 1) / unit * unit;
  };
  constexpr uint64_t kHeaderBytes = kImageAlignmentBytes;
  ImageLayout layout;
  uint64_t file_offset_bytes = kPageBytes;
  for (const std::vector<uint64_t>& sizes : spans) {
    ImageLayout::Span span{
        .file_offset_bytes = file_offset_bytes,
        .image_offset_bytes = round_up(layout.size_bytes, kPageBytes)};
    for (const uint64_t size_bytes : sizes) {
      span.size_bytes =
          round_up(span.size_bytes + kHeaderBytes, kImageAlignmentBytes);
      layout.records.push_back(
          {.name = "data/" + std::to_string(layout.records.size()),
           .file_offset_bytes = span.file_offset_bytes + span.size_bytes,
           .image_offset_bytes = span.image_offset_bytes + span.size_bytes,
           .size_bytes = size_bytes,
           .crc32 = 0});
      span.size_bytes += size_bytes;
    }
    layout.spans.push_back(span);
    layout.size_bytes = span.image_offset_bytes + span.size_bytes;
    file_offset_bytes =
        round_up(file_offset_bytes + span.size_bytes, kPageBytes) +
        3 * kPageBytes;
  }
  return layout;
}

// Any layout of any files.
struct TestSource final : WeightsSource {
  TestSource(ImageLayout layout_in, std::vector<File> files_in)
      : layout_(std::move(layout_in)), files_(std::move(files_in)) {}
  const ImageLayout& layout() const override { return layout_; }
  std::span<const File> files() const override { return files_; }

  ImageLayout layout_;
  std::vector<File> files_;
};

class TestImage {
 public:
  // The same seed, the same bytes.
  explicit TestImage(const Spans& spans, unsigned seed = 1)
      : fd_(::memfd_create("image", 0)), layout_(LayOut(spans)) {
    INVARIANT(fd_);
    Fill(seed);
    plan_ = PlanTransfer(layout_);
    source_.emplace(
        layout_, std::vector<WeightsSource::File>{{fd_.get(), "m/1/model.pt"}});
  }

  int fd() const { return fd_.get(); }
  const ImageLayout& layout() const { return layout_; }
  const TestSource& source() const { return *source_; }
  const TransferPlan& plan() const { return plan_; }
  uint64_t size_bytes() const { return layout_.size_bytes; }

  // The image as it shall be: what lies in no span is zero.
  const std::vector<std::byte>& bytes() const { return bytes_; }

  // The same file stating another checksum for one record.
  TestSource SourceWithWrongCrc(size_t record) const {
    TestSource source = *source_;
    *source.layout_.records[record].crc32 ^= 1;
    return source;
  }

  // Flips a byte of a record in the file; twice puts it back.
  void Damage(size_t record) {
    const Record& here = layout_.records[record];
    const auto at =
        static_cast<off_t>(here.file_offset_bytes + here.size_bytes / 2);
    char byte = 0;
    INVARIANT(::pread(fd(), &byte, 1, at) == 1);
    byte = static_cast<char>(~byte);
    INVARIANT(::pwrite(fd(), &byte, 1, at) == 1);
  }

  void Truncate(uint64_t size_bytes) {
    INVARIANT(::ftruncate(fd(), static_cast<off_t>(size_bytes)) == 0);
  }

 private:
  void Fill(unsigned seed) {
    std::mt19937_64 random(seed);
    bytes_.resize(layout_.size_bytes);
    for (const ImageLayout::Span& span : layout_.spans) {
      const std::span<std::byte> here(bytes_.data() + span.image_offset_bytes,
                                      span.size_bytes);
      for (size_t i = 0; i < here.size(); i += sizeof(uint64_t)) {
        const uint64_t word = random();
        std::memcpy(&here[i], &word, std::min(sizeof(word), here.size() - i));
      }
      INVARIANT(::pwrite(fd(), here.data(), here.size(),
                         static_cast<off_t>(span.file_offset_bytes)) ==
                static_cast<ssize_t>(here.size()));
    }
    for (Record& record : layout_.records) {
      record.crc32 = Crc32(
          0, {bytes_.data() + record.image_offset_bytes, record.size_bytes});
    }
  }

  const UniqueFd fd_;
  ImageLayout layout_;
  TransferPlan plan_;
  std::vector<std::byte> bytes_;
  std::optional<TestSource> source_;
};

}  // namespace ferry

#endif  // TESTS_TRANSFER_TEST_IMAGE_H_
