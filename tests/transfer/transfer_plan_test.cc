// PlanTransfer as a table, and its promises over layouts drawn from a seed.

#include "server/transfer/transfer_plan.h"

#include <random>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/transfer/test_image.h"

namespace ferry::transfer_plan_test {
namespace {

using testing::IsEmpty;

constexpr uint64_t kChunk = TransferPlan::kChunkBytes;

// A layout of one span that starts at page 1 of the file, without gaps.
ImageLayout Packed(const std::vector<uint64_t>& sizes) {
  ImageLayout layout;
  for (const uint64_t size_bytes : sizes) {
    layout.records.push_back({.name = "",
                              .file_offset_bytes = 4096 + layout.size_bytes,
                              .image_offset_bytes = layout.size_bytes,
                              .size_bytes = size_bytes,
                              .crc32 = 0});
    layout.size_bytes += size_bytes;
  }
  layout.spans.push_back({.file_offset_bytes = 4096,
                          .image_offset_bytes = 0,
                          .size_bytes = layout.size_bytes});
  return layout;
}

TEST(TransferPlanTest, AModelWithoutWeightsHasNoChunks) {
  const TransferPlan plan = PlanTransfer(ImageLayout());
  EXPECT_THAT(plan.chunks, IsEmpty());
  EXPECT_THAT(plan.segments, IsEmpty());
  EXPECT_EQ(plan.size_bytes, 0);
}

TEST(TransferPlanTest, ASmallModelIsOneChunk) {
  const TransferPlan plan = PlanTransfer(Packed({100, 200}));
  ASSERT_EQ(plan.chunks.size(), 1);
  EXPECT_EQ(plan.chunks[0].file_offset_bytes, 4096);
  EXPECT_EQ(plan.chunks[0].offset_bytes, 0);
  EXPECT_EQ(plan.chunks[0].size_bytes, 300);
  ASSERT_EQ(plan.segments.size(), 2);
  EXPECT_EQ(plan.segments[1].offset_bytes, 100);
  EXPECT_EQ(plan.segments[1].size_bytes, 200);
  EXPECT_EQ(plan.segments[1].record_index, 1);
}

TEST(TransferPlanTest, ARecordWithoutAChecksumIsInNoSegment) {
  ImageLayout layout = Packed({100, 200, 300});
  layout.records[1].crc32 = std::nullopt;
  const TransferPlan plan = PlanTransfer(layout);
  ASSERT_EQ(plan.chunks.size(), 1);
  EXPECT_EQ(plan.chunks[0].size_bytes, 600);
  ASSERT_EQ(plan.segments.size(), 2);
  EXPECT_EQ(plan.segments[1].offset_bytes, 300);
  EXPECT_EQ(plan.segments[1].record_index, 2);
}

TEST(TransferPlanTest, AChunkIsOfOneFile) {
  ImageLayout layout = Packed({100});
  layout.spans.push_back({.file_index = 1,
                          .file_offset_bytes = 0,
                          .image_offset_bytes = kPageBytes,
                          .size_bytes = 50});
  const TransferPlan plan = PlanTransfer(layout);
  ASSERT_EQ(plan.chunks.size(), 2);
  EXPECT_EQ(plan.chunks[0].file_index, 0);
  EXPECT_EQ(plan.chunks[1].file_index, 1);
  EXPECT_EQ(plan.chunks[1].offset_bytes, kPageBytes);
}

TEST(TransferPlanTest, ARecordOverAChunksEndIsASegmentInEach) {
  const TransferPlan plan = PlanTransfer(Packed({kChunk - 1, 3}));
  ASSERT_EQ(plan.chunks.size(), 2);
  EXPECT_EQ(plan.chunks[1].file_offset_bytes, 4096 + kChunk);
  EXPECT_EQ(plan.chunks[1].size_bytes, 2);
  ASSERT_EQ(plan.segments.size(), 3);
  EXPECT_EQ(plan.segments[1].size_bytes, 1);
  EXPECT_EQ(plan.segments[2].offset_bytes, kChunk);
  EXPECT_EQ(plan.segments[2].size_bytes, 2);
  EXPECT_EQ(plan.segments[2].record_index, 1);
}

TEST(TransferPlanTest, ARecordThatEndsWithItsChunkStaysOutOfTheNext) {
  const TransferPlan plan = PlanTransfer(Packed({kChunk, kChunk}));
  ASSERT_EQ(plan.chunks.size(), 2);
  EXPECT_EQ(plan.segments.size(), 2);
  EXPECT_EQ(plan.chunks[1].segment_begin, 1);
}

TEST(TransferPlanTest, AnEmptyRecordHasNoSegment) {
  const TransferPlan plan = PlanTransfer(Packed({0, 64, 0}));
  ASSERT_EQ(plan.segments.size(), 1);
  EXPECT_EQ(plan.segments[0].record_index, 1);
}

TEST(TransferPlanDeathTest, ARecordOutsideEverySpanIsABug) {
  ImageLayout layout = Packed({64, 64});
  layout.spans[0].size_bytes = 100;
  EXPECT_DEATH(PlanTransfer(layout), "INVARIANT");
}

// Sizes near the chunk's, tiny ones and none, in up to four spans.
Spans DrawSpans(std::mt19937& random) {
  Spans spans(1 + random() % 4);
  for (std::vector<uint64_t>& sizes : spans) {
    sizes.resize(1 + random() % 6);
    for (uint64_t& size_bytes : sizes) {
      switch (random() % 4) {
        case 0:
          size_bytes = random() % 3;
          break;
        case 1:
          size_bytes = random() % 10'000;
          break;
        case 2:
          size_bytes = kChunk - 130 + random() % 260;
          break;
        default:
          size_bytes = random() % (2 * kChunk);
      }
    }
  }
  return spans;
}

void ExpectWhole(const ImageLayout& layout, const TransferPlan& plan) {
  // Every byte of every span is in one chunk, which no span's end cuts.
  size_t chunk = 0;
  size_t segment = 0;
  for (const ImageLayout::Span& span : layout.spans) {
    uint64_t done_bytes = 0;
    while (done_bytes < span.size_bytes) {
      ASSERT_LT(chunk, plan.chunks.size());
      const TransferPlan::Chunk& here = plan.chunks[chunk++];
      EXPECT_EQ(here.offset_bytes, span.image_offset_bytes + done_bytes);
      EXPECT_EQ(here.file_offset_bytes, span.file_offset_bytes + done_bytes);
      EXPECT_GT(here.size_bytes, 0);
      EXPECT_LE(here.size_bytes, kChunk);
      EXPECT_EQ(here.segment_begin, segment);
      for (; segment < here.segment_end; ++segment) {
        const TransferPlan::Segment& part = plan.segments[segment];
        EXPECT_GE(part.offset_bytes, here.offset_bytes);
        EXPECT_LE(part.offset_bytes + part.size_bytes,
                  here.offset_bytes + here.size_bytes);
      }
      done_bytes += here.size_bytes;
    }
    EXPECT_EQ(done_bytes, span.size_bytes);
  }
  EXPECT_EQ(chunk, plan.chunks.size());
  EXPECT_EQ(segment, plan.segments.size());

  // Every byte of every record is in one segment, in order.
  segment = 0;
  for (size_t record = 0; record < layout.records.size(); ++record) {
    uint64_t offset_bytes = layout.records[record].image_offset_bytes;
    const uint64_t end_bytes = offset_bytes + layout.records[record].size_bytes;
    while (offset_bytes < end_bytes) {
      ASSERT_LT(segment, plan.segments.size());
      EXPECT_EQ(plan.segments[segment].record_index, record);
      EXPECT_EQ(plan.segments[segment].offset_bytes, offset_bytes);
      ASSERT_GT(plan.segments[segment].size_bytes, 0);
      offset_bytes += plan.segments[segment++].size_bytes;
    }
    EXPECT_EQ(offset_bytes, end_bytes);
  }
  EXPECT_EQ(segment, plan.segments.size());
}

TEST(TransferPlanTest, CoversEveryByteOnceWhateverTheLayout) {
  std::mt19937 random(20240607);
  for (int round = 0; round < 300; ++round) {
    SCOPED_TRACE(round);
    const ImageLayout layout = LayOut(DrawSpans(random));
    ExpectWhole(layout, PlanTransfer(layout));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace ferry::transfer_plan_test
