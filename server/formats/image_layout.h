// An ImageLayout says where a file's weights lie in one Lease of device memory.
//
// Zip formats keep each tensor storage as a stored, 64-byte aligned record, and
// keep records of a kind together. So the image of a model is simply a few big
// ranges of the file, one behind the other: each is read in one go, headers
// between the records come along, and no byte is ever moved twice.
//
// Threads:  any; plain values.
// Units:    bytes. File offsets count from the start of the file, image
//           offsets from the start of the Lease.
// Limits:   kImageAlignmentBytes divides every record's image offset;
//           kPageBytes divides both offsets of every span, so a span can be
//           read with O_DIRECT.

#ifndef SERVER_FORMATS_IMAGE_LAYOUT_H_
#define SERVER_FORMATS_IMAGE_LAYOUT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

inline constexpr uint64_t kImageAlignmentBytes = 64;
inline constexpr uint64_t kPageBytes = 4096;

// One tensor storage of the file.
struct Record {
  static constexpr std::string_view kConstants = "constants/";

  std::string name;  // "data/0", "constants/3".
  uint64_t file_offset_bytes = 0;
  uint64_t image_offset_bytes = 0;
  uint64_t size_bytes = 0;
  uint32_t crc32 = 0;  // Of the record's bytes, as the file states it.

  // A tensor of the code, not of the module. They end the image.
  bool is_constant() const { return name.starts_with(kConstants); }
};

struct ImageLayout {
  // A range of the file that is a range of the image, byte for byte.
  struct Span {
    uint64_t file_offset_bytes = 0;
    uint64_t image_offset_bytes = 0;
    uint64_t size_bytes = 0;
  };

  // Ascending by image offset. None overlap, and each lies in exactly one span;
  // but an empty one may be anywhere in the image.
  std::vector<Record> records;
  // Ascending by image offset. Between two of them at most a page is unused.
  std::vector<Span> spans;
  // Of the whole image; 0 for a model without weights.
  uint64_t size_bytes = 0;
};

}  // namespace ferry

#endif  // SERVER_FORMATS_IMAGE_LAYOUT_H_
