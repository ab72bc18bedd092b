// CpuDevice where it promises more than device.h, which DeviceSuite tests.

#include "server/devices/cpu_device.h"

#include <gtest/gtest.h>

#include "server/devices/host_memory.h"
#include "tests/support/status_matchers.h"

namespace ferry::cpu_device_test {
namespace {

TEST(CpuDeviceTest, GivesMemoryThatTheHostCanUse) {
  CpuDevice device(4096);
  std::byte* const memory = *device.Allocate(4096);
  memory[4095] = std::byte{7};
  EXPECT_EQ(memory[4095], std::byte{7});
  device.Free(memory);
}

TEST(CpuDeviceTest, CountsBytesAsAskedForNotPages) {
  CpuDevice device(256);
  std::byte* const memory = *device.Allocate(255);
  const auto last = device.Allocate(1);
  ASSERT_THAT(last, IsOk());
  EXPECT_THAT(device.Allocate(1),
              StatusIs(absl::StatusCode::kResourceExhausted));
  device.Free(memory);
  device.Free(*last);
}

TEST(CpuDeviceTest, ForgetsWhatWasDiscarded) {
  CpuDevice device(3 * 4096);
  std::byte* const memory = *device.Allocate(3 * 4096);
  memory[0] = memory[4096] = memory[8192] = std::byte{7};
  device.Discard(memory + 1, 2 * 4096);  // One whole page is inside.
  EXPECT_EQ(memory[0], std::byte{7});
  EXPECT_EQ(memory[4096], std::byte{0});
  EXPECT_EQ(memory[8192], std::byte{7});
  device.Free(memory);
}

// More than the machine has: only what is touched takes memory.
TEST(CpuDeviceTest, GivesASlabThatCostsNothingUntilTouched) {
  constexpr uint64_t kSlab = uint64_t{1} << 38;
  CpuDevice device(kSlab);
  const auto memory = device.Allocate(kSlab);
  ASSERT_THAT(memory, IsOk());
  (*memory)[0] = (*memory)[kSlab - 1] = std::byte{7};
  EXPECT_EQ((*memory)[kSlab - 1], std::byte{7});
  device.Free(*memory);
}

TEST(CpuDeviceTest, PassesOnTheKernelsRefusal) {
  CpuDevice device(UINT64_MAX);
  EXPECT_THAT(device.Allocate(uint64_t{1} << 50),
              StatusIs(absl::StatusCode::kResourceExhausted));
  device.Free(*device.Allocate(4096));  // The refused bytes are free again.
}

TEST(CpuDeviceTest, DefaultsToFourFifthsOfTheMemory) {
  const uint64_t memory = HostMemoryBytes();
  EXPECT_NEAR(static_cast<double>(CpuDevice::DefaultCapacityBytes()),
              0.8 * static_cast<double>(memory), 5 * 4096.0);
}

TEST(CpuDeviceDeathTest, FreeingWhatIsNotItsOwnIsABug) {
  CpuDevice device(4096);
  std::byte stranger{};
  EXPECT_DEATH(device.Free(&stranger), "INVARIANT");
}

TEST(CpuDeviceDeathTest, DyingWithMemoryOutIsABug) {
  EXPECT_DEATH(
      {
        CpuDevice device(4096);
        (void)device.Allocate(1);
      },
      "INVARIANT");
}

}  // namespace
}  // namespace ferry::cpu_device_test
