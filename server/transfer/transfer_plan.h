// A TransferPlan cuts a weight image into chunks and says which bytes of each
// chunk carry which checksum.
//
// A pure function of an ImageLayout, so that a load, a move and a verification
// of one model all see the same chunks. Each chunk is read or copied as one
// piece; its segments are the parts of records in it that the file has
// checksums for. Bytes between records (a zip's local headers), and records
// without one, travel with the chunk; the copies of them have checksums.
//
// Threads:  any; immutable once made.
// Units:    bytes, offsets from the start of the image.
// Limits:   kChunkBytes a chunk.

#ifndef SERVER_TRANSFER_TRANSFER_PLAN_H_
#define SERVER_TRANSFER_TRANSFER_PLAN_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/formats/image_layout.h"

namespace ferry {

struct TransferPlan {
  // Small enough to be hashed from cache behind the copy and to let another
  // move or a cancellation in; large enough that the system calls vanish.
  static constexpr uint64_t kChunkBytes = uint64_t{4} << 20;

  struct Segment {
    uint64_t offset_bytes;
    uint64_t size_bytes;
    size_t record_index;  // In ImageLayout::records.
  };
  struct Chunk {
    size_t file_index;
    uint64_t file_offset_bytes;
    uint64_t offset_bytes;
    uint64_t size_bytes;
    size_t segment_begin;  // [begin, end) in segments.
    size_t segment_end;
  };

  std::vector<Chunk> chunks;      // Ascending offsets.
  std::vector<Segment> segments;  // Ascending offsets; of one record, adjacent.
  uint64_t size_bytes = 0;        // Sum of the chunks.
};

TransferPlan PlanTransfer(const ImageLayout& layout);

// The Hash of every chunk of a plan, in the same order. Known once a model has
// been read from its file, whose own checksums its records were tested
// against. (Of chunks rather than segments: one call checks a chunk on a
// device, however many small records are in it.)
using Checksums = std::vector<uint64_t>;

}  // namespace ferry

#endif  // SERVER_TRANSFER_TRANSFER_PLAN_H_
