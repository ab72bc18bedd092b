// A ChunkSum sums a chunk's bytes as they arrive: the CRC-32 of each of its
// segments, which the file can confirm, and the Hash of the whole chunk, which
// every later copy is compared with.
//
// Owns:     nothing; what the constructor takes outlives it.
// Threads:  one thread at a time. Sums of different chunks write to different
//           elements of one `segment_sums`.
// Units:    bytes.

#ifndef SERVER_TRANSFER_CHUNK_SUM_H_
#define SERVER_TRANSFER_CHUNK_SUM_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "server/base/hash.h"
#include "server/transfer/transfer_plan.h"

namespace ferry {

class ChunkSum {
 public:
  // `segment_sums` has one element for each segment of the plan.
  ChunkSum(const TransferPlan& plan, const TransferPlan::Chunk& chunk,
           std::vector<uint32_t>& segment_sums);

  // The chunk's next bytes. INVARIANT: not more than it has.
  void Add(std::span<const std::byte> bytes);

  // Of all bytes of the chunk, once they were all added.
  uint64_t Total() const;

 private:
  // A part is a segment, or what lies before, between or behind them.
  void BeginPart();

  const TransferPlan& plan_;
  const TransferPlan::Chunk& chunk_;
  std::vector<uint32_t>& segment_sums_;
  uint64_t offset_bytes_;  // Of the next byte.
  size_t segment_;         // The next one, or the one that the part is.
  bool in_segment_ = false;
  uint64_t part_end_bytes_ = 0;
  Hash hash_;
};

}  // namespace ferry

#endif  // SERVER_TRANSFER_CHUNK_SUM_H_
