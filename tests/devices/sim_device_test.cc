// SimDevice where it promises more than device.h, which DeviceSuite tests: its
// scratch memory, its counters, and how each injected fault looks from outside.

#include "server/devices/sim_device.h"

#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/hash.h"
#include "tests/devices/touch.h"
#include "tests/support/status_matchers.h"

namespace ferry::sim_device_test {
namespace {

using Kind = SimFault::Kind;

constexpr uint64_t kMiB = uint64_t{1} << 20;

class SimDeviceTest : public testing::Test {
 protected:
  ~SimDeviceTest() override { device_->Free(memory_); }

  std::vector<std::byte> Read() {
    std::vector<std::byte> bytes(sent_.size());
    EXPECT_THAT(device_->CopyOut(bytes, memory_), IsOk());
    return bytes;
  }

  const std::unique_ptr<SimDevice> device_ = *SimDevice::Create(
      {.index = 1, .capacity_bytes = 4 * kMiB, .scratch_bytes = kMiB});
  const std::vector<std::byte> sent_ =
      std::vector<std::byte>(100'000, std::byte{0x11});
  std::byte* const memory_ = *device_->Allocate(100'000);
};

TEST_F(SimDeviceTest, CountsItsTraffic) {
  ASSERT_THAT(device_->CopyIn(memory_, sent_), IsOk());
  ASSERT_THAT(device_->CopyIn(memory_, sent_), IsOk());
  Read();
  const SimDevice::Traffic traffic = device_->traffic();
  EXPECT_EQ(traffic.in_bytes, 200'000u);
  EXPECT_EQ(traffic.out_bytes, 100'000u);
  EXPECT_EQ(traffic.copies, 3u);
}

TEST_F(SimDeviceTest, CountsCopiesOfMemoryThatIsNotRegistered) {
  auto sent = sent_;
  ASSERT_THAT(device_->RegisterHost(std::span(sent).first(50'000)), IsOk());
  ASSERT_THAT(device_->CopyIn(memory_, std::span(sent).first(50'000)), IsOk());
  EXPECT_EQ(device_->traffic().pageable_copies, 0u);
  ASSERT_THAT(device_->CopyIn(memory_, sent), IsOk());
  EXPECT_EQ(device_->traffic().pageable_copies, 1u);
  device_->UnregisterHost(sent);
  ASSERT_THAT(device_->CopyOut(std::span(sent).first(1), memory_), IsOk());
  EXPECT_EQ(device_->traffic().pageable_copies, 2u);
  EXPECT_EQ(device_->traffic().copies, 3u);
}

TEST_F(SimDeviceTest, KeepsActivationsApartFromWeights) {
  std::byte* const scratch = *device_->AllocateScratch(kMiB);
  EXPECT_TRUE(device_->Holds(scratch));
  EXPECT_EQ(device_->usage().scratch.used_bytes, kMiB);
  EXPECT_THAT(device_->AllocateScratch(1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(device_->capacity_bytes(), 4 * kMiB);
  device_->FreeScratch(scratch);
  EXPECT_EQ(device_->usage().scratch.used_bytes, 0u);
}

TEST_F(SimDeviceTest, HasNoScratchForNothing) {
  const auto none = device_->AllocateScratch(0);
  ASSERT_THAT(none, IsOk());
  EXPECT_EQ(*none, nullptr);
  device_->FreeScratch(*none);
}

TEST_F(SimDeviceTest, ShowsItsBytesInTheWindow) {
  ASSERT_THAT(device_->CopyIn(memory_, sent_), IsOk());
  EXPECT_EQ(device_->Window(memory_ + 5)[0], std::byte{0x11});
}

TEST_F(SimDeviceTest, RunsOutOfMemoryWhenTold) {
  device_->Inject({.kind = Kind::kOutOfMemory, .count = 2});
  EXPECT_THAT(device_->Allocate(1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(device_->AllocateScratch(1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(device_->Health(), IsOk());
  device_->Free(*device_->Allocate(1));
}

TEST_F(SimDeviceTest, FailsACopyAndGoesOnWhenTold) {
  device_->Inject({.kind = Kind::kFailCopy});
  EXPECT_THAT(device_->CopyIn(memory_, sent_),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(device_->Health(), IsOk());
  EXPECT_EQ(device_->traffic().in_bytes, 0u);
  EXPECT_THAT(device_->CopyIn(memory_, sent_), IsOk());
}

TEST_F(SimDeviceTest, EveryCallFailsOnceTheDeviceHas) {
  device_->Inject({.kind = Kind::kFailDevice, .after_bytes = 1000});
  EXPECT_THAT(device_->CopyIn(memory_, sent_),
              StatusIs(absl::StatusCode::kInternal));
  // The bytes before the failure arrived, and no others.
  EXPECT_EQ(device_->Window(memory_)[999], std::byte{0x11});
  EXPECT_EQ(device_->Window(memory_)[1000], std::byte{0});

  const absl::StatusCode failed = absl::StatusCode::kInternal;
  std::vector<std::byte> out(1);
  EXPECT_THAT(device_->Health(), StatusIs(failed));
  EXPECT_THAT(device_->CopyIn(memory_, sent_), StatusIs(failed));
  EXPECT_THAT(device_->CopyIn(memory_, {}), StatusIs(failed));
  EXPECT_THAT(device_->CopyOut(out, memory_), StatusIs(failed));
  EXPECT_THAT(device_->HashOf(memory_, 1), StatusIs(failed));
  EXPECT_THAT(device_->Allocate(1), StatusIs(failed));
  EXPECT_THAT(device_->AllocateScratch(1), StatusIs(failed));
  EXPECT_THAT(device_->RegisterHost(out), StatusIs(failed));
}

TEST_F(SimDeviceTest, CorruptsOneByteThatTheHashShows) {
  device_->Inject({.kind = Kind::kCorrupt});
  ASSERT_THAT(device_->CopyIn(memory_, sent_), IsOk());
  const std::vector<std::byte> wrong = Read();
  int differences = 0;
  for (size_t i = 0; i < sent_.size(); ++i) differences += wrong[i] != sent_[i];
  EXPECT_EQ(differences, 1);
  EXPECT_NE(*device_->HashOf(memory_, sent_.size()), Hash::Of(sent_));

  ASSERT_THAT(device_->CopyIn(memory_, sent_), IsOk());  // Once only.
  EXPECT_EQ(*device_->HashOf(memory_, sent_.size()), Hash::Of(sent_));
}

TEST_F(SimDeviceTest, StallsACopyUntilItIsReleased) {
  device_->Inject({.kind = Kind::kStall});
  absl::Status status = absl::UnknownError("");
  std::thread copy([&] { status = device_->CopyIn(memory_, sent_); });
  device_->faults().AwaitStall();
  EXPECT_EQ(device_->Window(memory_)[0], std::byte{0});  // Not yet.
  device_->faults().Release();
  copy.join();
  EXPECT_THAT(status, IsOk());
  EXPECT_EQ(Read(), sent_);
}

TEST_F(SimDeviceTest, FreesOnAFailedDeviceToo) {
  std::byte* const weights = *device_->Allocate(1);
  std::byte* const scratch = *device_->AllocateScratch(1);
  device_->Inject({.kind = Kind::kFailDevice});
  ASSERT_THAT(device_->CopyIn(memory_, sent_),
              StatusIs(absl::StatusCode::kInternal));
  device_->Free(weights);
  device_->FreeScratch(scratch);
}

using SimDeviceDeathTest = SimDeviceTest;

TEST_F(SimDeviceDeathTest, TheHostCannotTouchWhatItAllocates) {
  ASSERT_THAT(device_->CopyIn(memory_, sent_), IsOk());
  EXPECT_EXIT(ReadByte(memory_), DiedOfTouching, "");
}

TEST_F(SimDeviceDeathTest, CopyingIntoOtherMemoryIsABug) {
  std::byte stranger{};
  EXPECT_DEATH((void)device_->CopyIn(&stranger, {sent_.data(), 1}),
               "INVARIANT");
}

}  // namespace
}  // namespace ferry::sim_device_test
