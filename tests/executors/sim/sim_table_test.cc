// The way from an index or an address to a device.

#include "server/executors/sim/sim_table.h"

#include <gtest/gtest.h>

#include "tests/executors/model_file.h"

namespace ferry::sim_table_test {
namespace {

TEST(SimTableTest, FindsDevicesByIndexAndAddress) {
  Devices devices;
  EXPECT_EQ(SimDeviceCount(), 2);
  EXPECT_EQ(&SimDeviceAt(1), devices.sim1.get());
  EXPECT_THROW(SimDeviceAt(2), c10::Error);
  EXPECT_THROW(SimDeviceAt(-1), c10::Error);
  int on_host = 0;
  EXPECT_EQ(SimDeviceHolding(&on_host), nullptr);
  const c10::DataPtr memory = AllocateOnSim(1, 100);
  EXPECT_EQ(SimDeviceHolding(memory.get()), devices.sim1.get());
  EXPECT_EQ(memory.device().str(), "sim:1");
}

TEST(SimTableTest, MemoryComesBackAndRunsOut) {
  Devices devices;
  {
    const c10::DataPtr memory = AllocateOnSim(0, 1000);
    EXPECT_EQ(devices.sim0->usage().scratch.used_bytes, 1024u);
    EXPECT_THROW(AllocateOnSim(0, uint64_t{1} << 40), c10::OutOfMemoryError);
  }
  EXPECT_EQ(devices.sim0->usage().scratch.used_bytes, 0u);
  EXPECT_EQ(AllocateOnSim(0, 0).get(), nullptr);
}

TEST(SimTableTest, IsEmptyWhenTheBackendIsGone) {
  { Devices devices; }
  EXPECT_EQ(SimDeviceCount(), 0);
  EXPECT_THROW(SimDeviceAt(0), c10::Error);
}

}  // namespace
}  // namespace ferry::sim_table_test
