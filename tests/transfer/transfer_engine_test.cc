// TransferEngine between a file in memory, the cpu and simulated devices, with
// the faults that a disk, a link or another process can bring.

#include "server/transfer/transfer_engine.h"

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/base/crc32.h"
#include "server/base/unique_fd.h"
#include "server/devices/cpu_device.h"
#include "server/devices/sim_device.h"
#include "server/weights/arena.h"
#include "tests/support/status_matchers.h"
#include "tests/transfer/test_image.h"

namespace ferry {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kChunk = TransferPlan::kChunkBytes;
constexpr uint64_t kDeviceBytes = 64 * kMiB;

std::unique_ptr<SimDevice> MakeSim(int index) {
  return *SimDevice::Create({.index = index,
                             .capacity_bytes = kDeviceBytes,
                             .scratch_bytes = kMiB,
                             .link_bytes_per_second = 0});
}

class TransferEngineTest : public testing::Test {
 protected:
  // Five chunks in two spans; some records are cut by them.
  const Spans large_ = {{kChunk + 1000, 64, 3 * kChunk / 2}, {77, kChunk}};
  // One piece of one chunk: a copy of it is one copy on the device.
  const Spans small_ = {{1000, 0, 2000}};

  WeightSet TakeHost(const TestImage& image) {
    return Take(cpu_, *host_, image);
  }
  WeightSet TakeSim(const TestImage& image) {
    return Take(*sim_, *there_, image);
  }

  static WeightSet Take(Device& device, Arena& arena, const TestImage& image) {
    return WeightSet(device, *arena.Take(image.size_bytes()),
                     image.size_bytes());
  }

  TransferEngine::ReadRequest ReadOf(const TestImage& image,
                                     const WeightSet& host) {
    return {.fd = image.fd(),
            .path = "m/1/model.pt",
            .layout = image.layout(),
            .plan = image.plan(),
            .host = host,
            .checksums = checksums_,
            .progress = {},
            .stop = {}};
  }
  TransferEngine::CopyRequest CopyOf(const TestImage& image,
                                     const WeightSet& from,
                                     const WeightSet& to) {
    return {.plan = image.plan(),
            .from = from,
            .to = to,
            .checksums = checksums_,
            .progress = {},
            .stop = {}};
  }
  WeightSet Load(const TestImage& image) {
    WeightSet host = TakeHost(image);
    EXPECT_THAT(engine_.Read(ReadOf(image, host)), IsOk());
    return host;
  }

  static void ExpectHolds(const WeightSet& weights, const TestImage& image) {
    std::vector<std::byte> found(image.size_bytes());
    ASSERT_THAT(weights.device().CopyOut(found, weights.data()), IsOk());
    for (const ImageLayout::Span& span : image.layout().spans) {
      EXPECT_TRUE(std::ranges::equal(
          std::span(found).subspan(span.image_offset_bytes, span.size_bytes),
          std::span(image.bytes())
              .subspan(span.image_offset_bytes, span.size_bytes)));
    }
  }

  auto HasFailures(const std::string& device, int count) {
    const std::string line =
        absl::StrCat("ferry_verify_failures_total{device=\"", device, "\"} ");
    return count == 0 ? testing::Matcher<std::string>(Not(HasSubstr(line)))
                      : HasSubstr(absl::StrCat(line, count, "\n"));
  }

  CpuDevice cpu_{kDeviceBytes};
  std::unique_ptr<SimDevice> sim_ = MakeSim(0);
  std::unique_ptr<Arena> host_ = *Arena::Create(cpu_, kDeviceBytes);
  std::unique_ptr<Arena> there_ = *Arena::Create(*sim_, kDeviceBytes);
  Metrics metrics_;
  TransferEngine engine_{/*workers=*/2, metrics_};
  Checksums checksums_;
};

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

TEST_F(TransferEngineTest, RefusesARecordThatHasNotTheFilesChecksum) {
  const TestImage image(large_);
  const WeightSet host = TakeHost(image);
  const ImageLayout layout = image.LayoutWithWrongCrc(2);
  TransferEngine::ReadRequest request{.fd = image.fd(),
                                      .path = "m/1/model.pt",
                                      .layout = layout,
                                      .plan = image.plan(),
                                      .host = host,
                                      .checksums = checksums_,
                                      .progress = {},
                                      .stop = {}};
  const absl::Status status = engine_.Read(request).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  const uint32_t right = image.layout().records[2].crc32;
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("m/1/model.pt"), HasSubstr("data/2"),
            HasSubstr(absl::StrCat(absl::Hex(right, absl::kZeroPad8))),
            HasSubstr(absl::StrCat(absl::Hex(right ^ 1, absl::kZeroPad8)))));
  EXPECT_THAT(metrics_.Text(), HasFailures("cpu", 2));
}

TEST_F(TransferEngineTest, RefusesAnEmptyRecordThatStatesAChecksum) {
  const TestImage image(small_);
  const WeightSet host = TakeHost(image);
  const ImageLayout layout = image.LayoutWithWrongCrc(1);
  TransferEngine::ReadRequest request{.fd = image.fd(),
                                      .path = "",
                                      .layout = layout,
                                      .plan = image.plan(),
                                      .host = host,
                                      .checksums = checksums_,
                                      .progress = {},
                                      .stop = {}};
  EXPECT_THAT(engine_.Read(request), StatusIs(absl::StatusCode::kDataLoss));
}

// The file is whole again before its damaged record is read a second time.
TEST_F(TransferEngineTest, ReadsADamagedRecordOnceMore) {
  TestImage image(large_);
  image.Damage(2);
  const WeightSet host = TakeHost(image);
  auto request = ReadOf(image, host);
  request.progress = [&](uint64_t done_bytes) {
    if (done_bytes == image.plan().size_bytes) image.Damage(2);
  };
  const auto report = engine_.Read(request);
  ASSERT_THAT(report, IsOk());
  ExpectHolds(host, image);
  EXPECT_EQ(report->chunks_refilled, 2);
  EXPECT_EQ(report->size_bytes, image.plan().size_bytes);
  EXPECT_THAT(metrics_.Text(), HasFailures("cpu", 1));
  EXPECT_THAT(engine_.Verify(image.plan(), host, checksums_, {}), IsOk());
}

TEST_F(TransferEngineTest, RefusesAFileThatEndsBeforeItsWeights) {
  TestImage image(large_);
  image.Truncate(image.layout().spans[1].file_offset_bytes + 10);
  const WeightSet host = TakeHost(image);
  const absl::Status status = engine_.Read(ReadOf(image, host)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("m/1/model.pt"), HasSubstr("shorter")));
}

TEST_F(TransferEngineTest, RefusesAFileThatIsCutShortWhileItIsRead) {
  TestImage image(Spans{{kChunk, kChunk, kChunk, kChunk, kChunk, kChunk}});
  const WeightSet host = TakeHost(image);
  auto request = ReadOf(image, host);
  std::atomic<bool> cut = false;
  request.progress = [&](uint64_t) {
    if (!cut.exchange(true)) image.Truncate(4096);
  };
  EXPECT_THAT(engine_.Read(request),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

// The kernel hands out its symbols a page at a time, however much is asked for.
TEST_F(TransferEngineTest, ReadsOnAfterAShortRead) {
  constexpr uint64_t kSizeBytes = 20'000;
  const UniqueFd fd(::open("/proc/kallsyms", O_RDONLY | O_CLOEXEC));
  std::vector<std::byte> bytes(kSizeBytes);
  if (!fd || ::pread(fd.get(), bytes.data(), kSizeBytes, 0) >=
                 static_cast<ssize_t>(kSizeBytes)) {
    GTEST_SKIP() << "no file here that is read in parts";
  }
  for (uint64_t done = 0; done < kSizeBytes;) {
    const ssize_t got = ::pread(fd.get(), &bytes[done], kSizeBytes - done,
                                static_cast<off_t>(done));
    if (got <= 0) GTEST_SKIP() << "no file here that is long enough";
    done += static_cast<uint64_t>(got);
  }
  ImageLayout layout;
  layout.size_bytes = kSizeBytes;
  layout.spans.push_back({.size_bytes = kSizeBytes});
  layout.records.push_back(
      {.name = "data/0", .size_bytes = kSizeBytes, .crc32 = Crc32(0, bytes)});
  const TransferPlan plan = PlanTransfer(layout);
  const WeightSet host(cpu_, *host_->Take(kSizeBytes), kSizeBytes);
  ASSERT_THAT(engine_.Read({.fd = fd.get(),
                            .path = "kallsyms",
                            .layout = layout,
                            .plan = plan,
                            .host = host,
                            .checksums = checksums_,
                            .progress = {},
                            .stop = {}}),
              IsOk());
  EXPECT_TRUE(
      std::ranges::equal(bytes, std::span(host.data(), host.size_bytes())));
}

TEST_F(TransferEngineTest, SaysWhatTheFileSystemSaid) {
  const TestImage image(small_);
  const WeightSet host = TakeHost(image);
  auto request = ReadOf(image, host);
  request.fd = -1;
  const absl::Status status = engine_.Read(request).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("m/1/model.pt"), HasSubstr("Bad file descriptor")));
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

TEST_F(TransferEngineTest, RefillsAChunkThatArrivedWrong) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  sim_->Inject({.kind = SimFault::Kind::kCorrupt, .after_bytes = kChunk + 10});
  const auto report = engine_.Copy(CopyOf(image, host, there));
  ASSERT_THAT(report, IsOk());
  ExpectHolds(there, image);
  EXPECT_EQ(report->chunks_refilled, 1);
  EXPECT_EQ(report->size_bytes, image.plan().size_bytes);
  EXPECT_THAT(metrics_.Text(), HasFailures("sim:0", 1));
}

TEST_F(TransferEngineTest, GivesUpAChunkThatArrivedWrongTwice) {
  const TestImage image(small_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  sim_->Inject({.kind = SimFault::Kind::kCorrupt, .count = 2});
  const absl::Status status = engine_.Copy(CopyOf(image, host, there)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("sim:0: bytes 0 to "),
                    HasSubstr("memory of sim:0 is damaged")));
  EXPECT_THAT(metrics_.Text(), HasFailures("sim:0", 2));
}

TEST_F(TransferEngineTest, BlamesAHostCopyThatWentBad) {
  const TestImage image(small_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  host.data()[1] ^= std::byte{1};
  const absl::Status status = engine_.Copy(CopyOf(image, host, there)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("memory of cpu is damaged"));
}

TEST_F(TransferEngineTest, ADeviceThatFailsInTheMiddleEndsTheCopy) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  sim_->Inject(
      {.kind = SimFault::Kind::kFailDevice, .after_bytes = 2 * kChunk + 12345});
  const absl::Status status = engine_.Copy(CopyOf(image, host, there)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(status.message()), HasSubstr("sim:0"));
  EXPECT_LT(sim_->traffic().in_bytes, image.plan().size_bytes);
}

TEST_F(TransferEngineTest, AStopEndsACopyThatStalled) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  sim_->Inject({.kind = SimFault::Kind::kStall, .count = SimFault::kForever});
  std::stop_source stop;
  absl::Status status;
  std::thread caller([&] {
    auto request = CopyOf(image, host, there);
    request.stop = stop.get_token();
    status = engine_.Copy(request).status();
  });
  sim_->faults().AwaitStall();
  stop.request_stop();
  sim_->faults().Clear();
  sim_->faults().Release();
  caller.join();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_LT(sim_->traffic().in_bytes, image.plan().size_bytes);
}

TEST_F(TransferEngineTest, VerifiesAnImageWhereItLies) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  ASSERT_THAT(engine_.Copy(CopyOf(image, host, there)), IsOk());
  EXPECT_THAT(engine_.Verify(image.plan(), there, checksums_, {}), IsOk());
  EXPECT_THAT(engine_.Verify(image.plan(), host, checksums_, {}), IsOk());
}

TEST_F(TransferEngineTest, FindsAByteThatChangedOnTheDevice) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  ASSERT_THAT(engine_.Copy(CopyOf(image, host, there)), IsOk());
  const std::byte wrong = ~image.bytes()[kChunk + 5];
  ASSERT_THAT(sim_->CopyIn(there.data() + kChunk + 5, {&wrong, 1}), IsOk());
  const absl::Status status =
      engine_.Verify(image.plan(), there, checksums_, {});
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("sim:0: bytes ", kChunk, " to ")));
  EXPECT_THAT(metrics_.Text(), HasFailures("sim:0", 1));
}

TEST_F(TransferEngineTest, AStopEndsAVerification) {
  const TestImage image(large_);
  const WeightSet host = Load(image);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(engine_.Verify(image.plan(), host, checksums_, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
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
        ASSERT_THAT(engine_.Read({.fd = image.fd(),
                                  .path = "",
                                  .layout = image.layout(),
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

}  // namespace
}  // namespace ferry
