// Records are drawn by their offsets and sizes in the file; the answer is where
// the image has them, and which ranges of the file it is made of.

#include "server/formats/plan_image.h"

#include <string>

#include <gtest/gtest.h>

namespace ferry::plan_image_test {
namespace {

constexpr uint64_t kKiB = 1024;

Record At(uint64_t file_offset_bytes, uint64_t size_bytes) {
  return {.name = "data/" + std::to_string(file_offset_bytes),
          .file_offset_bytes = file_offset_bytes,
          .image_offset_bytes = 0,
          .size_bytes = size_bytes,
          .crc32 = 0};
}

// What the image promises, whatever it looks like.
void ExpectSound(const ImageLayout& layout) {
  uint64_t end = 0;
  for (const ImageLayout::Span& span : layout.spans) {
    EXPECT_EQ(span.file_offset_bytes % kPageBytes, 0);
    EXPECT_EQ(span.image_offset_bytes % kPageBytes, 0);
    EXPECT_GE(span.image_offset_bytes, end);
    EXPECT_LT(span.image_offset_bytes, end + kPageBytes);
    end = span.image_offset_bytes + span.size_bytes;
  }
  EXPECT_EQ(layout.size_bytes, end);
  end = 0;
  for (const Record& record : layout.records) {
    EXPECT_EQ(record.image_offset_bytes % kImageAlignmentBytes, 0);
    EXPECT_LE(record.image_offset_bytes, layout.size_bytes);
    if (record.size_bytes == 0) continue;
    EXPECT_GE(record.image_offset_bytes, end);
    end = record.image_offset_bytes + record.size_bytes;
    int holders = 0;
    for (const ImageLayout::Span& span : layout.spans) {
      holders += record.image_offset_bytes >= span.image_offset_bytes &&
                 end <= span.image_offset_bytes + span.size_bytes &&
                 record.image_offset_bytes - span.image_offset_bytes ==
                     record.file_offset_bytes - span.file_offset_bytes;
    }
    EXPECT_EQ(holders, 1) << record.name;
  }
}

TEST(PlanImageTest, AModelWithoutWeightsHasNoImage) {
  const ImageLayout layout = PlanImage({{}, {}});
  EXPECT_EQ(layout.size_bytes, 0);
  EXPECT_TRUE(layout.spans.empty());
  EXPECT_TRUE(layout.records.empty());
}

TEST(PlanImageTest, OneRangeMirrorsTheFileFromThePageOfTheFirstRecord) {
  const ImageLayout layout =
      PlanImage({{At(4096 + 64, 1000), At(4096 + 1280, 5000)}});
  ExpectSound(layout);
  ASSERT_EQ(layout.spans.size(), 1);
  EXPECT_EQ(layout.spans[0].file_offset_bytes, 4096);
  EXPECT_EQ(layout.size_bytes, 1280 + 5000);
  EXPECT_EQ(layout.records[0].image_offset_bytes, 64);
  EXPECT_EQ(layout.records[1].image_offset_bytes, 1280);
}

TEST(PlanImageTest, RecordsMayComeInAnyOrder) {
  const ImageLayout layout = PlanImage({{At(1280, 500), At(64, 1000)}});
  ExpectSound(layout);
  EXPECT_EQ(layout.records[0].file_offset_bytes, 64);
}

TEST(PlanImageTest, ConstantsLieOnTheNextPageBehindTheWeights) {
  const ImageLayout layout =
      PlanImage({{At(64, 5000)}, {At(100 * kKiB + 128, 64)}});
  ExpectSound(layout);
  ASSERT_EQ(layout.spans.size(), 2);
  EXPECT_EQ(layout.spans[1].file_offset_bytes, 100 * kKiB);
  EXPECT_EQ(layout.spans[1].image_offset_bytes, 8192);
  EXPECT_EQ(layout.records[1].image_offset_bytes, 8192 + 128);
  EXPECT_EQ(layout.size_bytes, 8192 + 128 + 64);
}

TEST(PlanImageTest, ALargeHoleComesAlongWhileTheWeightsAreLarger) {
  const ImageLayout layout =
      PlanImage({{At(0, 512 * kKiB), At(1000 * kKiB, 512 * kKiB)}});
  ExpectSound(layout);
  EXPECT_EQ(layout.spans.size(), 1);
}

TEST(PlanImageTest, HolesThatCostMoreThanTheWeightsSplitTheRange) {
  const ImageLayout layout =
      PlanImage({{At(0, 1000), At(1024, 1000), At(4096 * kKiB + 64, 1000),
                  At(4096 * kKiB + 64 + 60 * kKiB, 1000)}});
  ExpectSound(layout);
  // Holes below kHoleMaxBytes stay.
  ASSERT_EQ(layout.spans.size(), 2);
  EXPECT_EQ(layout.spans[1].file_offset_bytes, 4096 * kKiB);
  EXPECT_LT(layout.size_bytes, 70 * kKiB);
}

TEST(PlanImageTest, EmptyRecordsNeedNoBytes) {
  const ImageLayout nothing =
      PlanImage({{At(64, 0), At(128, 0)}, {At(192, 0)}});
  ExpectSound(nothing);
  EXPECT_EQ(nothing.size_bytes, 0);
  EXPECT_EQ(nothing.records.size(), 3);
  ExpectSound(PlanImage({{At(64, 0), At(128, 1000)}, {At(4096, 0)}}));
}

TEST(PlanImageDeathTest, OverlapsAreABugOfTheCaller) {
  EXPECT_DEATH(PlanImage({{At(0, 1000), At(64, 1000)}}), "INVARIANT");
  EXPECT_DEATH(PlanImage({{At(1, 1000)}}), "INVARIANT");
}

}  // namespace
}  // namespace ferry::plan_image_test
