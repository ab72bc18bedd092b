// An ImageLayout says where the weights of a file, or of several, lie in one
// Lease of device memory.
//
// The image of a model is a few big ranges of its files, one behind the other:
// each is read in one go, and what lies between two records comes along.
//
// Threads:  any; plain values.
// Units:    bytes. File offsets count from the start of their file, image
//           offsets from the start of the Lease.
// Limits:   kImageAlignmentBytes divides every record's image offset; in an
//           image that PlanImage makes, kPageBytes divides both offsets of
//           every span, so a span can be read with O_DIRECT.

#ifndef SERVER_FORMATS_IMAGE_LAYOUT_H_
#define SERVER_FORMATS_IMAGE_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ferry {

inline constexpr uint64_t kImageAlignmentBytes = 64;
inline constexpr uint64_t kPageBytes = 4096;

// One tensor storage of a file.
struct Record {
  std::string name;  // As the format calls it: "data/0", "constants/3".
  size_t file_index = 0;
  uint64_t file_offset_bytes = 0;
  uint64_t image_offset_bytes = 0;
  uint64_t size_bytes = 0;
  // Of the record's bytes, as the file states it; nothing where the format has
  // no checksums.
  std::optional<uint32_t> crc32 = std::nullopt;
};

struct ImageLayout {
  // A range of a file that is a range of the image, byte for byte.
  struct Span {
    size_t file_index = 0;
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
