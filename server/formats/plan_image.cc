#include "server/formats/plan_image.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

#include "server/base/invariant.h"

namespace ferry {
namespace {

uint64_t FileEnd(const Record& record) {
  return record.file_offset_bytes + record.size_bytes;
}

// The size of a hole that ends a range; no hole is that large if one range is
// good enough.
uint64_t HoleLimit(const std::vector<Record>& records) {
  uint64_t weights_bytes = 0;
  for (const Record& record : records) weights_bytes += record.size_bytes;
  const uint64_t range_bytes =
      FileEnd(records.back()) - records.front().file_offset_bytes;
  return range_bytes - weights_bytes > weights_bytes ? kHoleMaxBytes
                                                     : range_bytes + 1;
}

// Begins a span at the page of `record`, on the image's next page.
ImageLayout::Span SpanFrom(const Record& record, uint64_t image_size_bytes) {
  return {
      .file_index = record.file_index,
      .file_offset_bytes = record.file_offset_bytes / kPageBytes * kPageBytes,
      .image_offset_bytes =
          (image_size_bytes + kPageBytes - 1) / kPageBytes * kPageBytes,
      .size_bytes = 0};
}

// Adds one kind of records, sorted by file offset, behind what is there.
void AddKind(std::vector<Record> records, ImageLayout& layout) {
  const uint64_t hole_limit = HoleLimit(records);
  uint64_t file_end = 0;
  for (size_t i = 0; i < records.size(); ++i) {
    Record& record = records[i];
    if (i == 0 || record.file_offset_bytes - file_end >= hole_limit) {
      layout.spans.push_back(SpanFrom(record, layout.size_bytes));
    }
    file_end = FileEnd(record);
    ImageLayout::Span& span = layout.spans.back();
    record.image_offset_bytes = span.image_offset_bytes +
                                record.file_offset_bytes -
                                span.file_offset_bytes;
    span.size_bytes = file_end - span.file_offset_bytes;
    layout.size_bytes = span.image_offset_bytes + span.size_bytes;
  }
  std::ranges::move(records, std::back_inserter(layout.records));
}

// Adds records that are all empty: they need a place, but no bytes.
void AddEmpty(std::vector<Record> records, ImageLayout& layout) {
  for (Record& record : records) {
    record.image_offset_bytes =
        layout.size_bytes / kImageAlignmentBytes * kImageAlignmentBytes;
  }
  std::ranges::move(records, std::back_inserter(layout.records));
}

}  // namespace

ImageLayout PlanImage(std::vector<std::vector<Record>> kinds) {
  ImageLayout layout;
  for (std::vector<Record>& records : kinds) {
    std::ranges::sort(records, {}, &Record::file_offset_bytes);
    for (size_t i = 0; i < records.size(); ++i) {
      INVARIANT(records[i].file_index == records[0].file_index);
      INVARIANT(records[i].file_offset_bytes % kImageAlignmentBytes == 0);
      INVARIANT(i == 0 ||
                FileEnd(records[i - 1]) <= records[i].file_offset_bytes);
    }
    const bool empty = std::ranges::all_of(
        records, [](const Record& record) { return record.size_bytes == 0; });
    if (empty) {
      AddEmpty(std::move(records), layout);
    } else {
      AddKind(std::move(records), layout);
    }
  }
  return layout;
}

}  // namespace ferry
