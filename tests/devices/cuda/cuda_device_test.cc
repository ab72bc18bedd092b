// CudaDevice on a fake CUDA runtime: DeviceSuite, and what it promises beyond
// it. On a real GPU the same suite is part of tests/gpu.

#include "server/devices/cuda/cuda_device.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/devices/cuda/fake_cuda.h"
#include "tests/devices/device_suite.h"
#include "tests/devices/touch.h"

namespace ferry::cuda_device_test {
namespace {

std::unique_ptr<Device> MakeCuda(uint64_t capacity_bytes) {
  static PageLocks page_locks;
  FakeCuda::Start({});
  return *CudaDevice::Create(0, capacity_bytes, page_locks);
}

INSTANTIATE_TEST_SUITE_P(FakeCuda, DeviceSuite, testing::Values(MakeCuda));

constexpr uint64_t kMiB = uint64_t{1} << 20;

class CudaDeviceTest : public testing::Test {
 protected:
  ~CudaDeviceTest() override { Close(); }

  void Open(const FakeCuda::Options& options = {}, int index = 0) {
    FakeCuda::Start(options);
    device_ = *Create(index, 32 * kMiB);
    memory_ = *device_->Allocate(16 * kMiB);
  }
  absl::StatusOr<std::unique_ptr<Device>> Create(int index,
                                                 uint64_t capacity_bytes) {
    return CudaDevice::Create(index, capacity_bytes, page_locks_);
  }
  void Close() {
    if (device_ != nullptr) device_->Free(memory_);
    device_.reset();
  }

  static std::span<std::byte> BytesOf(const Pages& pages) {
    return {pages.data(), pages.size_bytes()};
  }

  PageLocks page_locks_;
  std::unique_ptr<Device> device_;
  std::byte* memory_ = nullptr;
};

TEST_F(CudaDeviceTest, GivesEverythingBackWhenItCloses) {
  Open();
  const Bytes sent = RandomBytes(5 * kMiB, 1);
  ASSERT_THAT(device_->CopyIn(memory_, sent), IsOk());
  EXPECT_EQ(FakeCuda::page_locked_bytes(),
            (CudaDevice::kLanes + 1) * 2 * CopyLane::kStagingBytes);
  Close();
  EXPECT_EQ(FakeCuda::page_locked_bytes(), 0u);
  EXPECT_EQ(FakeCuda::streams(), 0);
  EXPECT_EQ(FakeCuda::used_bytes(), 0u);
}

TEST_F(CudaDeviceTest, TouchesNoGpuButItsOwn) {
  Open({.devices = 3}, 1);
  const Bytes sent = RandomBytes(kMiB, 1);
  ASSERT_THAT(device_->CopyIn(memory_, sent), IsOk());
  ASSERT_THAT(device_->HashOf(memory_, kMiB), IsOk());
  EXPECT_THAT(device_->Health(), IsOk());
  Close();
  EXPECT_EQ(FakeCuda::contexts(), std::set<int>{1});
}

TEST_F(CudaDeviceTest, LeavesTheThreadOnTheGpuItFound) {
  Open({.devices = 2}, 1);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  ASSERT_THAT(device_->Health(), IsOk());
  int current = -1;
  ASSERT_EQ(cudaGetDevice(&current), cudaSuccess);
  EXPECT_EQ(current, 0);
}

TEST_F(CudaDeviceTest, TakesFourFifthsOfWhatIsFreeByDefault) {
  FakeCuda::Start({.memory_bytes = 100 * kMiB});
  const auto device = Create(0, 0);
  ASSERT_THAT(device, IsOk());
  EXPECT_EQ((*device)->capacity_bytes(), 80 * kMiB);
}

TEST_F(CudaDeviceTest, RefusesMoreThanIsFree) {
  FakeCuda::Start({.memory_bytes = 100 * kMiB});
  EXPECT_THAT(Create(0, 101 * kMiB),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_F(CudaDeviceTest, PassesOnThatTheGpuIsFull) {
  Open({.memory_bytes = 40 * kMiB});
  void* others = nullptr;
  ASSERT_EQ(cudaMalloc(&others, 20 * kMiB), cudaSuccess);
  EXPECT_THAT(device_->Allocate(16 * kMiB),
              StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_EQ(cudaFree(others), cudaSuccess);
  device_->Free(*device_->Allocate(16 * kMiB));  // Its budget was not spent.
}

TEST_F(CudaDeviceTest, RefusesAGpuThatIsNotThere) {
  FakeCuda::Start({.devices = 2});
  EXPECT_THAT(Create(2, kMiB), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(FakeCuda::contexts().empty());
}

TEST_F(CudaDeviceTest, SaysThatTheDriverDoesNotFit) {
  FakeCuda::Start({.driver = false});
  EXPECT_THAT(Create(0, kMiB), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(CudaDeviceTest, CopiesRegisteredMemoryInOnePiece) {
  Open();
  const auto pages = Pages::Map(8 * kMiB, Pages::Access::kReadWrite);
  ASSERT_THAT(device_->RegisterHost(BytesOf(*pages)), IsOk());
  ASSERT_THAT(device_->CopyIn(memory_, BytesOf(*pages)), IsOk());
  EXPECT_EQ(FakeCuda::copies(), 1u);
  device_->UnregisterHost(BytesOf(*pages));
  ASSERT_THAT(device_->CopyIn(memory_, BytesOf(*pages)), IsOk());
  EXPECT_EQ(FakeCuda::copies(), 1u + 8 * kMiB / CopyLane::kStagingBytes);
  EXPECT_EQ(FakeCuda::registered_ranges(), 0u);
}

// Host memory of which only the middle is registered, with an odd start: the
// pieces must arrive where they belong, in both directions.
TEST_F(CudaDeviceTest, CopiesMemoryThatIsRegisteredInParts) {
  Open();
  const auto pages = Pages::Map(12 * kMiB, Pages::Access::kReadWrite);
  const std::span<std::byte> host = BytesOf(*pages);
  ASSERT_THAT(device_->RegisterHost(host.subspan(3 * kMiB, kMiB)), IsOk());
  ASSERT_THAT(device_->RegisterHost(host.subspan(4 * kMiB, 2 * kMiB)), IsOk());
  const Bytes sent = RandomBytes(host.size(), 7);
  std::ranges::copy(sent, host.begin());

  ASSERT_THAT(device_->CopyIn(memory_, host.subspan(77)), IsOk());
  Bytes back(host.size() - 77);
  ASSERT_THAT(device_->CopyOut(back, memory_), IsOk());
  EXPECT_TRUE(std::ranges::equal(back, std::span(sent).subspan(77)));

  std::ranges::fill(host, std::byte{0});
  ASSERT_THAT(device_->CopyOut(host.subspan(77), memory_), IsOk());
  EXPECT_TRUE(
      std::ranges::equal(host.subspan(77), std::span(sent).subspan(77)));
  device_->UnregisterHost(host);
  EXPECT_EQ(FakeCuda::registered_ranges(), 0u);
}

TEST_F(CudaDeviceTest, RegistersLargeMemoryInSegments) {
  Open({.page_lock_bytes_max = uint64_t{1} << 40});
  constexpr uint64_t kSize = 2 * CudaDevice::kSegmentBytes + 4096;
  const auto pages = Pages::Map(kSize, Pages::Access::kReadWrite);
  ASSERT_THAT(device_->RegisterHost(BytesOf(*pages)), IsOk());
  EXPECT_EQ(FakeCuda::registered_ranges(), 3u);
  // Across the border of two segments.
  const auto part =
      BytesOf(*pages).subspan(CudaDevice::kSegmentBytes - kMiB - 1, 2 * kMiB);
  const Bytes sent = RandomBytes(part.size(), 8);
  std::ranges::copy(sent, part.begin());
  ASSERT_THAT(device_->CopyIn(memory_, part), IsOk());
  EXPECT_EQ(*device_->HashOf(memory_, part.size()), Hash::Of(sent));
  device_->UnregisterHost(BytesOf(*pages));
  EXPECT_EQ(FakeCuda::registered_ranges(), 0u);
}

TEST_F(CudaDeviceTest, RegistersAllOrNothing) {
  Open({.page_lock_bytes_max = CudaDevice::kSegmentBytes + 64 * kMiB});
  const auto pages =
      Pages::Map(2 * CudaDevice::kSegmentBytes, Pages::Access::kReadWrite);
  EXPECT_THAT(device_->RegisterHost(BytesOf(*pages)),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_EQ(FakeCuda::registered_ranges(), 0u);
  EXPECT_THAT(device_->Health(), IsOk());
}

TEST_F(CudaDeviceTest, SharesRegisteredMemoryWithTheOtherGpus) {
  constexpr uint64_t kSize = 8 * kMiB;
  Open({.devices = 2});
  const auto other = *Create(1, kSize);
  std::byte* const there = *other->Allocate(kSize);
  const auto pages = Pages::Map(kSize, Pages::Access::kReadWrite);
  ASSERT_THAT(device_->RegisterHost(BytesOf(*pages)), IsOk());
  ASSERT_THAT(other->RegisterHost(BytesOf(*pages)), IsOk());
  EXPECT_EQ(FakeCuda::registered_ranges(), 1u);
  EXPECT_THAT(other->CopyIn(there, BytesOf(*pages)), IsOk());
  EXPECT_EQ(FakeCuda::copies(), 1u);

  // The one that registered it first leaves first.
  device_->UnregisterHost(BytesOf(*pages));
  EXPECT_EQ(FakeCuda::registered_ranges(), 1u);
  EXPECT_THAT(other->CopyIn(there, BytesOf(*pages)), IsOk());
  EXPECT_EQ(FakeCuda::copies(), 2u);
  other->UnregisterHost(BytesOf(*pages));
  EXPECT_EQ(FakeCuda::registered_ranges(), 0u);
  other->Free(there);
}

TEST_F(CudaDeviceTest, SurvivesAnErrorThatIsOnlyOneCalls) {
  Open();
  const Bytes sent = RandomBytes(5 * kMiB, 9);
  FakeCuda::FailNextCopy(cudaErrorInvalidValue);
  EXPECT_THAT(device_->CopyIn(memory_, sent),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(device_->Health(), IsOk());
  ASSERT_THAT(device_->CopyIn(memory_, sent), IsOk());
  EXPECT_EQ(*device_->HashOf(memory_, sent.size()), Hash::Of(sent));
}

TEST_F(CudaDeviceTest, EndsWithItsContext) {
  Open();
  const Bytes sent = RandomBytes(kMiB, 10);
  ASSERT_THAT(device_->CopyIn(memory_, sent), IsOk());
  FakeCuda::End(0);
  const absl::StatusCode failed = absl::StatusCode::kInternal;
  Bytes out(1);
  EXPECT_THAT(device_->CopyIn(memory_, sent), StatusIs(failed));
  EXPECT_THAT(device_->Health(), StatusIs(failed));
  EXPECT_THAT(device_->CopyOut(out, memory_), StatusIs(failed));
  EXPECT_THAT(device_->CopyIn(memory_, {}), StatusIs(failed));
  EXPECT_THAT(device_->HashOf(memory_, 1), StatusIs(failed));
  EXPECT_THAT(device_->Allocate(1), StatusIs(failed));
  EXPECT_THAT(device_->RegisterHost(out), StatusIs(failed));
  EXPECT_THAT(std::string(device_->Health().message()),
              testing::HasSubstr("cudaErrorIllegalAddress"));
}

TEST_F(CudaDeviceTest, FindsOutThatSomebodyElseEndedItsContext) {
  Open({.devices = 2});
  const auto other = *Create(1, kMiB);
  FakeCuda::End(0);
  EXPECT_THAT(device_->Health(), StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(other->Health(), IsOk());
}

using CudaDeviceDeathTest = CudaDeviceTest;

TEST_F(CudaDeviceDeathTest, DyingWithMemoryOutIsABug) {
  Open();
  EXPECT_DEATH(device_.reset(), "INVARIANT");
}

TEST_F(CudaDeviceDeathTest, FreeingWhatIsNotItsOwnIsABug) {
  Open();
  EXPECT_DEATH(device_->Free(memory_ + 4096), "INVARIANT");
}

}  // namespace
}  // namespace ferry::cuda_device_test
