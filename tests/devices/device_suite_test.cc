// DeviceSuite over the devices that every machine has.

#include "tests/devices/device_suite.h"

#include "server/devices/cpu_device.h"
#include "server/devices/sim_device.h"

namespace ferry::device_suite_test {
namespace {

std::unique_ptr<Device> MakeCpu(uint64_t capacity_bytes) {
  return std::make_unique<CpuDevice>(capacity_bytes);
}

std::unique_ptr<Device> MakeSim(uint64_t capacity_bytes) {
  return *SimDevice::Create({.index = 3, .capacity_bytes = capacity_bytes});
}

// The same behind a link, which changes only when bytes arrive.
std::unique_ptr<Device> MakeThrottledSim(uint64_t capacity_bytes) {
  return *SimDevice::Create({.index = 4,
                             .capacity_bytes = capacity_bytes,
                             .link_bytes_per_second = 20e9});
}

INSTANTIATE_TEST_SUITE_P(Cpu, DeviceSuite, testing::Values(MakeCpu));
INSTANTIATE_TEST_SUITE_P(Sim, DeviceSuite, testing::Values(MakeSim));
INSTANTIATE_TEST_SUITE_P(ThrottledSim, DeviceSuite,
                         testing::Values(MakeThrottledSim));

}  // namespace
}  // namespace ferry::device_suite_test
