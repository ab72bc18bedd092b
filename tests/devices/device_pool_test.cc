// DevicePool: what it opens, in which order, and what it refuses.

#include "server/devices/device_pool.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "server/devices/cuda_plugin.h"
#include "server/devices/sim_device.h"
#include "tests/support/status_matchers.h"

namespace ferry::device_pool_test {
namespace {

constexpr DeviceId kSim0{DeviceKind::kSim, 0};
constexpr DeviceId kSim1{DeviceKind::kSim, 1};

TEST(DevicePoolTest, OpensWhatTheTextNames) {
  const auto specs = ParseDeviceSpecs("sim:1=64MiB,cpu=1GiB,sim:0");
  ASSERT_THAT(specs, IsOk());
  const auto pool = DevicePool::Create(*specs);
  ASSERT_THAT(pool, IsOk());
  ASSERT_EQ((*pool)->devices().size(), 3u);
  EXPECT_EQ((*pool)->devices()[0], &(*pool)->cpu());
  EXPECT_EQ((*pool)->cpu().capacity_bytes(), uint64_t{1} << 30);
  EXPECT_EQ((*pool)->devices()[1]->name(), "sim:1");
  EXPECT_EQ((*pool)->devices()[1]->capacity_bytes(), uint64_t{64} << 20);
  EXPECT_EQ((*pool)->devices()[2]->capacity_bytes(),
            SimDevice::kCapacityBytesDefault);
}

TEST(DevicePoolTest, AlwaysHasACpu) {
  const auto pool = DevicePool::Create({});
  ASSERT_THAT(pool, IsOk());
  ASSERT_EQ((*pool)->devices().size(), 1u);
  EXPECT_EQ((*pool)->cpu().name(), "cpu");
  EXPECT_GT((*pool)->cpu().capacity_bytes(), 0u);
}

TEST(DevicePoolTest, FindsDevicesById) {
  const auto pool = DevicePool::Create({{.id = kSim0}});
  ASSERT_THAT(pool, IsOk());
  const auto found = (*pool)->Find(kSim0);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ((*found)->name(), "sim:0");
}

TEST(DevicePoolTest, NamesTheDevicesThereAreWhenOneIsNot) {
  const auto pool = DevicePool::Create({{.id = kSim0}});
  ASSERT_THAT(pool, IsOk());
  const auto missing = (*pool)->Find(kSim1);
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(missing.status().message()),
              testing::HasSubstr("sim:1; there are cpu, sim:0"));
}

TEST(DevicePoolTest, RefusesADeviceTwice) {
  EXPECT_THAT(DevicePool::Create({{.id = kSim0}, {.id = kSim0}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(DevicePoolTest, RefusesAGpuThatIsNotThere) {
  const int present = CudaDevicesPresent().value_or(0);
  const auto pool = DevicePool::Create({{.id = {DeviceKind::kCuda, present}}});
  EXPECT_THAT(pool, StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(DevicePoolTest, PassesOnThatTheMemoryIsNotThere) {
  EXPECT_THAT(
      DevicePool::Create({{.id = kSim0, .capacity_bytes = uint64_t{1} << 50}}),
      StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace ferry::device_pool_test
