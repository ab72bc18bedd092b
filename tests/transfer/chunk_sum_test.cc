// ChunkSum against Crc32 and Hash over the same bytes, in pieces of any size.

#include "server/transfer/chunk_sum.h"

#include <algorithm>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/crc32.h"
#include "server/base/hash.h"
#include "tests/transfer/test_image.h"

namespace ferry::chunk_sum_test {
namespace {

using Chunk = TransferPlan::Chunk;

std::span<const std::byte> BytesOf(const TestImage& image, uint64_t offset,
                                   uint64_t size_bytes) {
  return std::span(image.bytes()).subspan(offset, size_bytes);
}

void ExpectSums(const TestImage& image, uint64_t piece_bytes_max) {
  std::mt19937 random(7);
  const TransferPlan& plan = image.plan();
  std::vector<uint32_t> segment_sums(plan.segments.size(), 0xBAD);
  for (const Chunk& chunk : plan.chunks) {
    ChunkSum sum(plan, chunk, segment_sums);
    const auto whole = BytesOf(image, chunk.offset_bytes, chunk.size_bytes);
    for (auto rest = whole; !rest.empty();) {
      const size_t piece_bytes =
          std::min<size_t>(rest.size(), random() % (piece_bytes_max + 1));
      sum.Add(rest.first(piece_bytes));
      rest = rest.subspan(piece_bytes);
    }
    EXPECT_EQ(sum.Total(), Hash::Of(whole));
  }
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    const TransferPlan::Segment& segment = plan.segments[i];
    EXPECT_EQ(segment_sums[i], Crc32(0, BytesOf(image, segment.offset_bytes,
                                                segment.size_bytes)));
  }
}

TEST(ChunkSumTest, SumsManySmallRecordsAndTheirHeaders) {
  const TestImage image(Spans{{1, 2, 64, 0, 63, 65, 1000, 0}, {5}});
  ExpectSums(image, 1);
  ExpectSums(image, 100);
  ExpectSums(image, 1 << 20);
}

TEST(ChunkSumTest, SumsARecordOverSeveralChunks) {
  const TestImage image(Spans{{3 * TransferPlan::kChunkBytes + 12345, 100}});
  ExpectSums(image, 300'000);
  ExpectSums(image, TransferPlan::kChunkBytes);
}

TEST(ChunkSumTest, SumsAChunkWithoutAnyRecord) {
  TransferPlan plan;
  plan.chunks.push_back({.file_index = 0,
                         .file_offset_bytes = 0,
                         .offset_bytes = 100,
                         .size_bytes = 50,
                         .segment_begin = 0,
                         .segment_end = 0});
  const std::vector<std::byte> bytes(50, std::byte{9});
  std::vector<uint32_t> segment_sums;
  ChunkSum sum(plan, plan.chunks[0], segment_sums);
  sum.Add(bytes);
  EXPECT_EQ(sum.Total(), Hash::Of(bytes));
}

TEST(ChunkSumDeathTest, MoreBytesThanTheChunkHasAreABug) {
  const TestImage image(Spans{{100}});
  std::vector<uint32_t> segment_sums(1);
  ChunkSum sum(image.plan(), image.plan().chunks[0], segment_sums);
  sum.Add(image.bytes());
  EXPECT_DEATH(sum.Add(BytesOf(image, 0, 1)), "INVARIANT");
}

TEST(ChunkSumDeathTest, ATotalBeforeTheEndIsABug) {
  const TestImage image(Spans{{100}});
  std::vector<uint32_t> segment_sums(1);
  ChunkSum sum(image.plan(), image.plan().chunks[0], segment_sums);
  sum.Add(BytesOf(image, 0, 10));
  EXPECT_DEATH(sum.Total(), "INVARIANT");
}

}  // namespace
}  // namespace ferry::chunk_sum_test
