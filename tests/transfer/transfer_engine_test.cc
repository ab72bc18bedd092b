// TransferEngine between a file in memory, the cpu and simulated devices.

#include "server/transfer/transfer_engine.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"
#include "tests/transfer/engine_fixture.h"
#include "tests/transfer/test_image.h"

namespace ferry::transfer_engine_test {
namespace {

using TransferEngineTest = EngineFixture;

TEST_F(TransferEngineTest, ReadsAFileIntoHostMemory) {
  const TestImage image(large_);
  const WeightSet host = TakeHost(image);
  const auto report = engine_.Read(ReadOf(image, host));
  ASSERT_THAT(report, IsOk());
  ExpectHolds(host, image);
  EXPECT_EQ(report->size_bytes, image.plan().size_bytes);
  EXPECT_EQ(report->chunks_refilled, 0);
  EXPECT_GT(report->copy, absl::ZeroDuration());
  EXPECT_GE(report->verify, absl::ZeroDuration());
  EXPECT_EQ(checksums_.size(), image.plan().chunks.size());
  EXPECT_THAT(metrics_.Text(), HasFailures("cpu", 0));
}

TEST_F(TransferEngineTest, ReadsAModelWithoutWeights) {
  const TestImage image(Spans{});
  const WeightSet host = TakeHost(image);
  const auto report = engine_.Read(ReadOf(image, host));
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->size_bytes, 0);
  EXPECT_EQ(report->copy, absl::ZeroDuration());
}

TEST_F(TransferEngineTest, TellsItsProgressAfterEachChunk) {
  const TestImage image(large_);
  const WeightSet host = TakeHost(image);
  std::atomic<uint64_t> calls = 0;
  std::atomic<uint64_t> most_bytes = 0;
  auto request = ReadOf(image, host);
  request.progress = [&](uint64_t done_bytes) {
    ++calls;
    uint64_t before = most_bytes;
    while (before < done_bytes &&
           !most_bytes.compare_exchange_weak(before, done_bytes)) {
    }
  };
  ASSERT_THAT(engine_.Read(request), IsOk());
  EXPECT_EQ(calls, image.plan().chunks.size());
  EXPECT_EQ(most_bytes, image.plan().size_bytes);
}

TEST_F(TransferEngineTest, AStopEndsARead) {
  const TestImage image(large_);
  const WeightSet host = TakeHost(image);
  std::stop_source stop;
  auto request = ReadOf(image, host);
  request.stop = stop.get_token();
  request.progress = [&](uint64_t) { stop.request_stop(); };
  EXPECT_THAT(engine_.Read(request), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(TransferEngineTest, CopiesToADeviceAndVerifiesThere) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  const auto report = engine_.Copy(CopyOf(image, host, there));
  ASSERT_THAT(report, IsOk());
  ExpectHolds(there, image);
  EXPECT_EQ(report->size_bytes, image.plan().size_bytes);
  EXPECT_EQ(report->chunks_refilled, 0);
  EXPECT_GT(report->copy, absl::ZeroDuration());
  EXPECT_EQ(sim_->traffic().in_bytes, image.plan().size_bytes);
  EXPECT_THAT(metrics_.Text(), HasFailures("sim:0", 0));
}

TEST_F(TransferEngineTest, CopiesWithinTheHost) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  const WeightSet second = TakeHost(image);
  ASSERT_THAT(engine_.Copy(CopyOf(image, host, second)), IsOk());
  ExpectHolds(second, image);
}

TEST_F(TransferEngineTest, CopiesAModelWithoutWeights) {
  const TestImage image(Spans{});
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  EXPECT_THAT(engine_.Copy(CopyOf(image, host, there)), IsOk());
}

TEST_F(TransferEngineTest, VerifiesAnImageWhereItLies) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  ASSERT_THAT(engine_.Copy(CopyOf(image, host, there)), IsOk());
  EXPECT_THAT(engine_.Verify(image.plan(), there, checksums_, {}), IsOk());
  EXPECT_THAT(engine_.Verify(image.plan(), host, checksums_, {}), IsOk());
}

TEST_F(TransferEngineTest, AStopEndsAVerification) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(engine_.Verify(image.plan(), host, checksums_, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
}

// The second of two files goes behind the first one's image, and states no
// checksums.
TEST_F(TransferEngineTest, ReadsOneImageFromSeveralFiles) {
  const TestImage first(large_, 1);
  const TestImage second(large_, 2);
  const uint64_t begin_bytes =
      (first.size_bytes() + kPageBytes - 1) / kPageBytes * kPageBytes;
  TestSource source(first.layout(),
                    {first.source().files()[0], second.source().files()[0]});
  for (ImageLayout::Span span : second.layout().spans) {
    span.file_index = 1;
    span.image_offset_bytes += begin_bytes;
    source.layout_.spans.push_back(span);
  }
  for (Record record : second.layout().records) {
    record.file_index = 1;
    record.image_offset_bytes += begin_bytes;
    record.crc32 = std::nullopt;
    source.layout_.records.push_back(record);
  }
  source.layout_.size_bytes = begin_bytes + second.size_bytes();
  const TransferPlan plan = PlanTransfer(source.layout());
  const WeightSet host(cpu_, *host_->Take(source.layout_.size_bytes),
                       source.layout_.size_bytes);
  ASSERT_THAT(engine_.Read({.source = source,
                            .plan = plan,
                            .host = host,
                            .checksums = checksums_,
                            .progress = {},
                            .stop = {}}),
              IsOk());
  const std::span<const std::byte> bytes(host.data(), host.size_bytes());
  EXPECT_TRUE(
      std::ranges::equal(bytes.first(first.size_bytes()), first.bytes()));
  EXPECT_TRUE(std::ranges::equal(bytes.subspan(begin_bytes), second.bytes()));
  EXPECT_THAT(engine_.Verify(plan, host, checksums_, {}), IsOk());
}

TEST_F(TransferEngineTest, CarriesManyImagesAtOnce) {
  const std::unique_ptr<SimDevice> second = MakeSim(1);
  const auto second_arena = *Arena::Create(*second, kDeviceBytes);
  std::vector<std::thread> callers;
  for (unsigned caller = 0; caller < 8; ++caller) {
    callers.emplace_back([&, caller] {
      const TestImage image(Spans{{kMiB, 100, kMiB}, {kMiB}}, caller);
      const WeightSet host = TakeHost(image);
      Checksums checksums;
      for (int round = 0; round < 3; ++round) {
        ASSERT_THAT(engine_.Read({.source = image.source(),
                                  .plan = image.plan(),
                                  .host = host,
                                  .checksums = checksums,
                                  .progress = {},
                                  .stop = {}}),
                    IsOk());
        const WeightSet there = (caller + round) % 2 == 0
                                    ? TakeSim(image)
                                    : Take(*second, *second_arena, image);
        ASSERT_THAT(engine_.Copy({.plan = image.plan(),
                                  .from = host,
                                  .to = there,
                                  .checksums = checksums,
                                  .progress = {},
                                  .stop = {}}),
                    IsOk());
        ExpectHolds(there, image);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
}

using TransferEngineDeathTest = TransferEngineTest;

TEST_F(TransferEngineDeathTest, AWeightSetSmallerThanThePlanIsABug) {
  const TestImage image(small_);
  const TestImage smaller(Spans{{10}});
  const WeightSet host = TakeHost(smaller);
  EXPECT_DEATH((void)engine_.Read(ReadOf(image, host)), "INVARIANT");
}

TEST_F(TransferEngineDeathTest, ChecksumsOfAnotherPlanAreABug) {
  const TestImage image(small_);
  const WeightSet host = Load(image);
  checksums_.clear();
  EXPECT_DEATH((void)engine_.Verify(image.plan(), host, checksums_, {}),
               "INVARIANT");
}

TEST(TransferEngineWorkersTest, AreHalfOfTheProcessorsWithinBounds) {
  EXPECT_EQ(TransferEngine::DefaultWorkers(1), 2);
  EXPECT_EQ(TransferEngine::DefaultWorkers(4), 2);
  EXPECT_EQ(TransferEngine::DefaultWorkers(12), 6);
  EXPECT_EQ(TransferEngine::DefaultWorkers(192), 8);
}

}  // namespace
}  // namespace ferry::transfer_engine_test
