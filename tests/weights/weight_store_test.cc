// WeightStore over a real pool: the cpu and two small simulated devices.

#include "server/weights/weight_store.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/devices/device_pool.h"
#include "server/devices/device_spec.h"
#include "tests/support/status_matchers.h"

namespace ferry::weight_store_test {
namespace {

using testing::HasSubstr;

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr DeviceId kCpu{DeviceKind::kCpu, 0};
constexpr DeviceId kSim0{DeviceKind::kSim, 0};
constexpr DeviceId kSim1{DeviceKind::kSim, 1};

class WeightStoreTest : public testing::Test {
 protected:
  std::unique_ptr<DevicePool> devices_ =
      *DevicePool::Create(*ParseDeviceSpecs("cpu=8MiB,sim:0=2MiB,sim:1=3MiB"));
  std::unique_ptr<WeightStore> store_ =
      *WeightStore::Create(*devices_, /*retain_bytes=*/4 * kMiB);
};

TEST_F(WeightStoreTest, GivesEveryDeviceItsCapacity) {
  EXPECT_EQ(store_->usage(kCpu).capacity_bytes, 8 * kMiB);
  EXPECT_EQ(store_->usage(kSim0).capacity_bytes, 2 * kMiB);
  EXPECT_EQ(store_->usage(kSim1).capacity_bytes, 3 * kMiB);
}

TEST_F(WeightStoreTest, AWeightSetKnowsItsDeviceAndItsSizes) {
  const auto weights = store_->Take(kSim1, 5000);
  ASSERT_THAT(weights, IsOk());
  EXPECT_EQ(weights->device().id(), kSim1);
  EXPECT_EQ(weights->size_bytes(), 5000);
  EXPECT_EQ(weights->lease_bytes(), 8192);
  EXPECT_EQ(store_->usage(kSim1).used_bytes, 8192);
  EXPECT_EQ(store_->usage(kSim0).used_bytes, 0);
}

TEST_F(WeightStoreTest, ADeadWeightSetGivesItsBytesBack) {
  { const auto weights = store_->Take(kSim0, kMiB); }
  EXPECT_EQ(store_->usage(kSim0).used_bytes, 0);
  EXPECT_EQ(store_->usage(kSim0).leases, 0);
}

TEST_F(WeightStoreTest, AModelWithoutWeightsHasAnAddressToo) {
  const auto weights = store_->Take(kCpu, 0);
  ASSERT_THAT(weights, IsOk());
  EXPECT_EQ(weights->size_bytes(), 0);
  EXPECT_NE(weights->data(), nullptr);
}

TEST_F(WeightStoreTest, RefusesMoreThanIsFreeAndNamesTheDevice) {
  const auto first = store_->Take(kSim0, kMiB + 1);
  const auto second = store_->Take(kSim0, kMiB);
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("sim:0"));
}

TEST_F(WeightStoreTest, RefusesMoreThanTheDeviceEverHas) {
  EXPECT_THAT(store_->Take(kSim0, 2 * kMiB + 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(WeightStoreTest, RefusesADeviceThatIsNotThere) {
  EXPECT_THAT(store_->Take({DeviceKind::kCuda, 0}, 1),
              StatusIs(absl::StatusCode::kNotFound));
}

// Discarded pages of the host read as zero.
TEST_F(WeightStoreTest, OnlyTheRetainedPartOfHostMemoryStaysWarm) {
  const std::byte* retained = nullptr;
  const std::byte* given_back = nullptr;
  {
    const auto weights = store_->Take(kCpu, 8 * kMiB);
    std::memset(weights->data(), 7, 8 * kMiB);
    retained = weights->data() + 4 * kMiB - 1;
    given_back = weights->data() + 4 * kMiB;
  }
  EXPECT_EQ(*retained, std::byte{7});
  EXPECT_EQ(*given_back, std::byte{0});
}

using WeightStoreDeathTest = WeightStoreTest;

TEST_F(WeightStoreDeathTest, AskingForTheUsageOfNoDeviceIsABug) {
  EXPECT_DEATH(store_->usage({DeviceKind::kCuda, 5}), "INVARIANT");
}

}  // namespace
}  // namespace ferry::weight_store_test
