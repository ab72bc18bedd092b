// ChooseDevice: loads are drawn, the answer is named. No queue, no table.

#include "server/scheduling/choose_device.h"

#include <array>
#include <map>

#include <gtest/gtest.h>

namespace ferry::choose_device_test {
namespace {

constexpr DeviceId kSim0{DeviceKind::kSim, 0};
constexpr DeviceId kSim1{DeviceKind::kSim, 1};

TEST(ChooseDeviceTest, TakesTheOneWithTheLeastToDo) {
  const std::array<DeviceLoad, 3> loads = {{{kCpu, 3}, {kSim0, 1}, {kSim1, 2}}};
  for (size_t turn = 0; turn < 6; ++turn) {
    EXPECT_EQ(ChooseDevice(loads, turn), kSim0);
  }
}

TEST(ChooseDeviceTest, EqualsTakeTurns) {
  const std::array<DeviceLoad, 3> idle = {{{kCpu}, {kSim0}, {kSim1}}};
  std::map<DeviceId, int> chosen;
  for (size_t turn = 0; turn < 9; ++turn) ++chosen[ChooseDevice(idle, turn)];
  EXPECT_EQ(chosen,
            (std::map<DeviceId, int>{{kCpu, 3}, {kSim0, 3}, {kSim1, 3}}));
}

TEST(ChooseDeviceTest, OnlyThoseWithAsLittleTakeTurns) {
  const std::array<DeviceLoad, 3> loads = {{{kCpu, 7}, {kSim0, 7}, {kSim1, 8}}};
  EXPECT_EQ(ChooseDevice(loads, 0), kCpu);
  EXPECT_EQ(ChooseDevice(loads, 1), kSim0);
  for (size_t turn = 0; turn < 6; ++turn) {
    EXPECT_NE(ChooseDevice(loads, turn), kSim1);
  }
}

TEST(ChooseDeviceTest, TheOnlyOneIsTakenHoweverBusy) {
  const std::array<DeviceLoad, 1> loads = {{{kSim1, 1000}}};
  EXPECT_EQ(ChooseDevice(loads, 41), kSim1);
}

TEST(ChooseDeviceDeathTest, ToChooseAmongNoneIsABug) {
  EXPECT_DEATH(ChooseDevice({}, 0), "INVARIANT");
}

}  // namespace
}  // namespace ferry::choose_device_test
