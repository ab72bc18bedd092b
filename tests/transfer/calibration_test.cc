// Calibration over a real pool; rates are compared with what the link was told.

#include "server/transfer/calibration.h"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "server/devices/device_pool.h"
#include "server/devices/device_spec.h"
#include "server/devices/sim_device.h"
#include "tests/support/status_matchers.h"

namespace ferry::calibration_test {
namespace {

constexpr DeviceId kCpu{DeviceKind::kCpu, 0};
constexpr DeviceId kSim0{DeviceKind::kSim, 0};
constexpr DeviceId kSim1{DeviceKind::kSim, 1};

struct Machine {
  explicit Machine(std::string_view specs)
      : devices(*DevicePool::Create(*ParseDeviceSpecs(specs))),
        store(*WeightStore::Create(*devices, UINT64_MAX)) {}

  std::unique_ptr<DevicePool> devices;
  std::unique_ptr<WeightStore> store;
};

TEST(CalibrationTest, MeasuresEveryLinkBothWays) {
  Machine machine("cpu=64MiB,sim:0=16MiB,sim:1=16MiB");
  const auto calibration =
      Calibration::Measure(*machine.devices, *machine.store);
  ASSERT_THAT(calibration, IsOk());
  EXPECT_EQ(calibration->links().size(), 5);
  for (const DeviceId device : {kSim0, kSim1}) {
    EXPECT_GT(calibration->bytes_per_second(kCpu, device), 0);
    EXPECT_GT(calibration->bytes_per_second(device, kCpu), 0);
  }
  EXPECT_GT(calibration->bytes_per_second(kCpu, kCpu), 0);
}

TEST(CalibrationTest, ThereIsNoLinkBetweenTwoAccelerators) {
  Machine machine("cpu=64MiB,sim:0=16MiB,sim:1=16MiB");
  const auto calibration =
      Calibration::Measure(*machine.devices, *machine.store);
  ASSERT_THAT(calibration, IsOk());
  EXPECT_EQ(calibration->bytes_per_second(kSim0, kSim1), 0);
}

// A throttled link cannot be faster than it is told; how much slower it looks
// depends on the machine.
TEST(CalibrationTest, FindsTheRateOfAThrottledLink) {
  Machine machine("cpu=64MiB,sim:0=16MiB@1GBps");
  const auto calibration =
      Calibration::Measure(*machine.devices, *machine.store);
  ASSERT_THAT(calibration, IsOk());
  EXPECT_LT(calibration->bytes_per_second(kCpu, kSim0), 1.3e9);
  EXPECT_GT(calibration->bytes_per_second(kCpu, kSim0), 0);
}

// Sixteen mebibytes would take a hundred seconds: the test's own time limit
// sees to it that less is enough.
TEST(CalibrationTest, MeasuresASlowLinkByLess) {
  Machine machine("cpu=64MiB,sim:0=16MiB@1MBps");
  const auto calibration =
      Calibration::Measure(*machine.devices, *machine.store);
  ASSERT_THAT(calibration, IsOk());
  EXPECT_LT(calibration->bytes_per_second(kCpu, kSim0), 1.3e6);
  EXPECT_GT(calibration->bytes_per_second(kSim0, kCpu), 0);
}

// Moves copy from registered memory, which on a GPU is several times faster.
TEST(CalibrationTest, MeasuresFromRegisteredMemoryAsMovesCopy) {
  Machine machine("cpu=64MiB,sim:0=16MiB");
  ASSERT_THAT(Calibration::Measure(*machine.devices, *machine.store), IsOk());
  const auto* sim = static_cast<SimDevice*>(*machine.devices->Find(kSim0));
  EXPECT_GT(sim->traffic().copies, 0);
  EXPECT_EQ(sim->traffic().pageable_copies, 0);
}

TEST(CalibrationTest, GivesItsMemoryBack) {
  Machine machine("cpu=64MiB,sim:0=16MiB");
  ASSERT_THAT(Calibration::Measure(*machine.devices, *machine.store), IsOk());
  EXPECT_EQ(machine.store->usage(kCpu).used_bytes, 0);
  EXPECT_EQ(machine.store->usage(kSim0).used_bytes, 0);
}

TEST(CalibrationTest, ProbesWithLessWhereThereIsLess) {
  Machine machine("cpu=4MiB,sim:0=1MiB");
  const auto calibration =
      Calibration::Measure(*machine.devices, *machine.store);
  ASSERT_THAT(calibration, IsOk());
  EXPECT_GT(calibration->bytes_per_second(kCpu, kSim0), 0);
}

TEST(CalibrationTest, LeavesOutALinkWithoutRoom) {
  Machine machine("cpu=4MiB,sim:0=64KiB");
  const auto calibration =
      Calibration::Measure(*machine.devices, *machine.store);
  ASSERT_THAT(calibration, IsOk());
  EXPECT_EQ(calibration->bytes_per_second(kCpu, kSim0), 0);
  EXPECT_GT(calibration->bytes_per_second(kCpu, kCpu), 0);
}

TEST(CalibrationTest, FailsAsTheDeviceFails) {
  Machine machine("cpu=64MiB,sim:0=16MiB");
  auto* sim = static_cast<SimDevice*>(*machine.devices->Find(kSim0));
  sim->Inject({.kind = SimFault::Kind::kFailDevice});
  EXPECT_THAT(Calibration::Measure(*machine.devices, *machine.store),
              StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace ferry::calibration_test
