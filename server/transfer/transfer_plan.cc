#include "server/transfer/transfer_plan.h"

#include <algorithm>

#include "server/base/invariant.h"

namespace ferry {
namespace {

// Appends the parts of records in [offset, end). `record` is the first record
// that may reach into it, and becomes that of the next chunk.
void AddSegments(const ImageLayout& layout, uint64_t offset_bytes,
                 uint64_t end_bytes, size_t& record, TransferPlan& plan) {
  for (; record < layout.records.size(); ++record) {
    const Record& here = layout.records[record];
    const uint64_t here_end_bytes = here.image_offset_bytes + here.size_bytes;
    const uint64_t from_bytes = std::max(offset_bytes, here.image_offset_bytes);
    const uint64_t to_bytes = std::min(end_bytes, here_end_bytes);
    if (here.crc32.has_value() && from_bytes < to_bytes) {
      plan.segments.push_back({.offset_bytes = from_bytes,
                               .size_bytes = to_bytes - from_bytes,
                               .record_index = record});
    }
    if (here_end_bytes > end_bytes) return;  // It goes on in the next chunk.
  }
}

}  // namespace

TransferPlan PlanTransfer(const ImageLayout& layout) {
  TransferPlan plan;
  size_t record = 0;
  for (const ImageLayout::Span& span : layout.spans) {
    for (uint64_t done_bytes = 0; done_bytes < span.size_bytes;) {
      const uint64_t size_bytes =
          std::min(TransferPlan::kChunkBytes, span.size_bytes - done_bytes);
      const uint64_t offset_bytes = span.image_offset_bytes + done_bytes;
      const size_t segment_begin = plan.segments.size();
      AddSegments(layout, offset_bytes, offset_bytes + size_bytes, record,
                  plan);
      plan.chunks.push_back(
          {.file_index = span.file_index,
           .file_offset_bytes = span.file_offset_bytes + done_bytes,
           .offset_bytes = offset_bytes,
           .size_bytes = size_bytes,
           .segment_begin = segment_begin,
           .segment_end = plan.segments.size()});
      done_bytes += size_bytes;
    }
    plan.size_bytes += span.size_bytes;
  }

  uint64_t records_bytes = 0;
  for (const Record& here : layout.records) {
    if (here.crc32.has_value()) records_bytes += here.size_bytes;
  }
  uint64_t segments_bytes = 0;
  for (const auto& here : plan.segments) segments_bytes += here.size_bytes;
  INVARIANT(segments_bytes == records_bytes);  // Each lies in one span.
  return plan;
}

}  // namespace ferry
