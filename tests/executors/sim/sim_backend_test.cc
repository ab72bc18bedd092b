// Simulated devices as LibTorch sees them.

#include "server/executors/sim/sim_backend.h"

#include <ATen/Functions.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <gtest/gtest.h>

#include "tests/executors/model_file.h"

namespace ferry::sim_backend_test {
namespace {

TEST(SimBackendTest, DevicesAreCalledSim) {
  Devices devices;
  EXPECT_EQ(c10::Device("sim:1"), c10::Device(c10::kPrivateUse1, 1));
  const c10::impl::VirtualGuardImpl guard(c10::kPrivateUse1);
  EXPECT_EQ(guard.deviceCount(), 2);
  EXPECT_THROW(c10::DeviceGuard(c10::Device("sim:5")), c10::Error);
}

TEST(SimBackendTest, EachThreadHasACurrentDevice) {
  const c10::InferenceMode inference;
  Devices devices;
  const c10::DeviceGuard guard(c10::Device("sim:1"));
  EXPECT_EQ(at::empty({1}, at::TensorOptions().device(c10::Device("sim")))
                .device()
                .index(),
            1);
}

TEST(SimBackendTest, ThereIsOneStream) {
  Devices devices;
  const c10::Stream other(c10::Stream::UNSAFE, c10::Device("sim:0"), 7);
  EXPECT_THROW(c10::StreamGuard{other}, c10::Error);
  const c10::impl::VirtualGuardImpl guard(c10::kPrivateUse1);
  EXPECT_TRUE(guard.queryStream(guard.getStream(c10::Device("sim:0"))));
}

TEST(SimBackendTest, AnotherBackendMayFollow) {
  const c10::InferenceMode inference;
  for (int i = 0; i < 3; ++i) {
    Devices devices;
    const at::Tensor x = at::ones({4}).to(c10::Device("sim:0"));
    EXPECT_EQ(x.sum().item<float>(), 4);
  }
}

TEST(SimBackendDeathTest, TwoAtOnceAreABug) {
  Devices devices;
  EXPECT_DEATH(SimBackend{devices.all}, "INVARIANT");
}

TEST(SimBackendDeathTest, TheHostCannotTouchADevicesMemory) {
  const c10::InferenceMode inference;
  Devices devices;
  const at::Tensor x = at::ones({4}).to(c10::Device("sim:0"));
  EXPECT_DEATH(
      {
        [[maybe_unused]] volatile float y =
            *static_cast<const float*>(x.const_data_ptr());
      },
      "");
}

}  // namespace
}  // namespace ferry::sim_backend_test
