// Empty tensors on a device, whatever the thread's current one is.

#include "server/executors/sim/sim_allocator.h"

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "server/executors/sim/sim_table.h"
#include "tests/executors/model_file.h"

namespace ferry::sim_allocator_test {
namespace {

TEST(SimAllocatorTest, AllocatesOnTheDeviceAskedForAndComesBack) {
  const c10::InferenceMode inference;
  Devices devices;
  SetCurrentSimDevice(0);
  {
    const at::Tensor made = EmptyOnSim({2, 3}, {1, 2}, at::kFloat,
                                       c10::Device(c10::kPrivateUse1, 1));
    EXPECT_TRUE(devices.sim1->Holds(made.const_data_ptr()));
    EXPECT_EQ(made.strides(), (std::vector<int64_t>{1, 2}));
    EXPECT_EQ(CurrentSimDevice(), 0);
  }
  EXPECT_EQ(devices.sim1->usage().scratch.used_bytes, 0u);
}

TEST(SimAllocatorTest, CopiesBetweenDeviceAddresses) {
  Devices devices;
  const c10::DataPtr from = SimAllocator().allocate(4);
  const c10::DataPtr to = SimAllocator().allocate(4);
  SimDevice& device = *SimDeviceHolding(from.get());
  auto* window = device.Window(static_cast<const std::byte*>(from.get()));
  window[3] = std::byte{42};
  SimAllocator().copy_data(to.get(), from.get(), 4);
  EXPECT_EQ(device.Window(static_cast<const std::byte*>(to.get()))[3],
            std::byte{42});
}

}  // namespace
}  // namespace ferry::sim_allocator_test
