#include "server/transfer/chunk_sum.h"

#include <algorithm>

#include "server/base/crc32.h"
#include "server/base/invariant.h"

namespace ferry {

ChunkSum::ChunkSum(const TransferPlan& plan, const TransferPlan::Chunk& chunk,
                   std::vector<uint32_t>& segment_sums)
    : plan_(plan),
      chunk_(chunk),
      segment_sums_(segment_sums),
      offset_bytes_(chunk.offset_bytes),
      segment_(chunk.segment_begin) {
  INVARIANT(segment_sums.size() == plan.segments.size());
  BeginPart();
}

void ChunkSum::Add(std::span<const std::byte> bytes) {
  hash_.Add(bytes);
  while (!bytes.empty()) {
    INVARIANT(offset_bytes_ < part_end_bytes_);
    const size_t size_bytes =
        std::min<uint64_t>(bytes.size(), part_end_bytes_ - offset_bytes_);
    if (in_segment_) {
      uint32_t& sum = segment_sums_[segment_];
      sum = Crc32(sum, bytes.first(size_bytes));
    }
    offset_bytes_ += size_bytes;
    bytes = bytes.subspan(size_bytes);
    if (offset_bytes_ == part_end_bytes_) {
      if (in_segment_) ++segment_;
      BeginPart();
    }
  }
}

uint64_t ChunkSum::Total() const {
  INVARIANT(offset_bytes_ == chunk_.offset_bytes + chunk_.size_bytes);
  return hash_.Total();
}

void ChunkSum::BeginPart() {
  in_segment_ = false;
  if (segment_ == chunk_.segment_end) {
    part_end_bytes_ = chunk_.offset_bytes + chunk_.size_bytes;
    return;
  }
  const TransferPlan::Segment& segment = plan_.segments[segment_];
  in_segment_ = offset_bytes_ == segment.offset_bytes;
  part_end_bytes_ =
      in_segment_ ? offset_bytes_ + segment.size_bytes : segment.offset_bytes;
  if (in_segment_) segment_sums_[segment_] = 0;
}

}  // namespace ferry
