// TransferEngine with the faults that a file, a disk, a link, a device or
// another process can bring. Each is injected by bytes, never by time.

#include <algorithm>
#include <atomic>
#include <fcntl.h>
#include <span>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/base/crc32.h"
#include "server/base/unique_fd.h"
#include "server/transfer/transfer_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/transfer/engine_fixture.h"
#include "tests/transfer/test_image.h"

namespace ferry::transfer_engine_faults_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

using TransferEngineFaultsTest = EngineFixture;

TEST_F(TransferEngineFaultsTest, RefusesARecordThatHasNotTheFilesChecksum) {
  const TestImage image(large_);
  const WeightSet host = TakeHost(image);
  const TestSource source = image.SourceWithWrongCrc(2);
  const auto request = ReadOf(source, image, host);
  const absl::Status status = engine_.Read(request).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  const uint32_t right = *image.layout().records[2].crc32;
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("m/1/model.pt"), HasSubstr("data/2"),
            HasSubstr(absl::StrCat(absl::Hex(right, absl::kZeroPad8))),
            HasSubstr(absl::StrCat(absl::Hex(right ^ 1, absl::kZeroPad8)))));
  EXPECT_THAT(metrics_.Text(), HasFailures("cpu", 2));
}

TEST_F(TransferEngineFaultsTest, RefusesAnEmptyRecordThatStatesAChecksum) {
  const TestImage image(small_);
  const WeightSet host = TakeHost(image);
  const TestSource source = image.SourceWithWrongCrc(1);
  const auto request = ReadOf(source, image, host);
  EXPECT_THAT(engine_.Read(request), StatusIs(absl::StatusCode::kDataLoss));
}

// The file is whole again before its damaged record is read a second time.
TEST_F(TransferEngineFaultsTest, ReadsADamagedRecordOnceMore) {
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

TEST_F(TransferEngineFaultsTest, RefusesAFileThatEndsBeforeItsWeights) {
  TestImage image(large_);
  image.Truncate(image.layout().spans[1].file_offset_bytes + 10);
  const WeightSet host = TakeHost(image);
  const absl::Status status = engine_.Read(ReadOf(image, host)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("m/1/model.pt"), HasSubstr("shorter")));
}

TEST_F(TransferEngineFaultsTest, RefusesAFileThatIsCutShortWhileItIsRead) {
  TestImage image(Spans{{kChunk, kChunk, kChunk, kChunk, kChunk, kChunk}});
  const WeightSet host = TakeHost(image);
  auto request = ReadOf(image, host);
  std::atomic<bool> cut = false;
  request.progress = [&](uint64_t) {
    if (!cut.exchange(true)) image.Truncate(4096);
  };
  EXPECT_THAT(engine_.Read(request), StatusIs(absl::StatusCode::kDataLoss));
}

// The kernel hands out its symbols a page at a time, however much is asked for.
TEST_F(TransferEngineFaultsTest, ReadsOnAfterAShortRead) {
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
  const TestSource source(layout, {{fd.get(), "kallsyms"}});
  const WeightSet host(cpu_, *host_->Take(kSizeBytes), kSizeBytes);
  ASSERT_THAT(engine_.Read({.source = source,
                            .plan = plan,
                            .host = host,
                            .checksums = checksums_,
                            .progress = {},
                            .stop = {}}),
              IsOk());
  EXPECT_TRUE(
      std::ranges::equal(bytes, std::span(host.data(), host.size_bytes())));
}

TEST_F(TransferEngineFaultsTest, SaysWhatTheFileSystemSaid) {
  const TestImage image(small_);
  const WeightSet host = TakeHost(image);
  TestSource source = image.source();
  source.files_[0].fd = -1;
  const auto request = ReadOf(source, image, host);
  const absl::Status status = engine_.Read(request).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("m/1/model.pt"), HasSubstr("Bad file descriptor")));
}

TEST_F(TransferEngineFaultsTest, RefillsAChunkThatArrivedWrong) {
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

TEST_F(TransferEngineFaultsTest, GivesUpAChunkThatArrivedWrongTwice) {
  const TestImage image(small_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  sim_->Inject({.kind = SimFault::Kind::kCorrupt, .count = 2});
  const absl::Status status = engine_.Copy(CopyOf(image, host, there)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(
      std::string(status.message()),
      AllOf(HasSubstr("sim:0: bytes 0 to "),
            HasSubstr("memory of sim:0 is damaged, so use another device")));
  EXPECT_THAT(metrics_.Text(), HasFailures("sim:0", 2));
}

TEST_F(TransferEngineFaultsTest, BlamesAHostCopyThatWentBad) {
  const TestImage image(small_);
  const WeightSet host = Load(image);
  const WeightSet there = TakeSim(image);
  host.data()[1] ^= std::byte{1};
  const absl::Status status = engine_.Copy(CopyOf(image, host, there)).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("memory of cpu is damaged, so unload the model"));
}

TEST_F(TransferEngineFaultsTest, ADeviceThatFailsInTheMiddleEndsTheCopy) {
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

TEST_F(TransferEngineFaultsTest, AStopEndsACopyThatStalled) {
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

TEST_F(TransferEngineFaultsTest, FindsAByteThatChangedOnTheDevice) {
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

}  // namespace
}  // namespace ferry::transfer_engine_faults_test
