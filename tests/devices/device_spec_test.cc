// ParseDeviceSpecs: texts and what they mean.

#include "server/devices/device_spec.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::device_spec_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr uint64_t kMiB = uint64_t{1} << 20;

std::string MistakesOf(std::string_view text) {
  const auto specs = ParseDeviceSpecs(text);
  EXPECT_THAT(specs, StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  return std::string(specs.status().message());
}

TEST(DeviceSpecTest, ReadsDevicesCapacitiesAndRates) {
  const auto specs =
      ParseDeviceSpecs("cpu=8GiB,sim:0=256MiB@4GBps, sim:1@1GBps ,cuda:0");
  ASSERT_THAT(specs, IsOk());
  ASSERT_EQ(specs->size(), 4u);
  EXPECT_EQ((*specs)[0].id.ToString(), "cpu");
  EXPECT_EQ((*specs)[0].capacity_bytes, 8192 * kMiB);
  EXPECT_EQ((*specs)[1].id.ToString(), "sim:0");
  EXPECT_EQ((*specs)[1].capacity_bytes, 256 * kMiB);
  EXPECT_EQ((*specs)[1].link_bytes_per_second, 4e9);
  EXPECT_EQ((*specs)[2].capacity_bytes, 0u);
  EXPECT_EQ((*specs)[2].link_bytes_per_second, 1e9);
  EXPECT_EQ((*specs)[3].id.ToString(), "cuda:0");
  EXPECT_EQ((*specs)[3].capacity_bytes, 0u);
}

TEST(DeviceSpecTest, AddsTheCpuWhenItIsNotNamed) {
  const auto specs = ParseDeviceSpecs("sim:0");
  ASSERT_THAT(specs, IsOk());
  ASSERT_EQ(specs->size(), 2u);
  EXPECT_EQ((*specs)[0].id.kind, DeviceKind::kCpu);
  EXPECT_EQ((*specs)[0].capacity_bytes, 0u);
}

TEST(DeviceSpecTest, MeansTheCpuAloneWhenEmpty) {
  for (const char* text : {"", "  "}) {
    const auto specs = ParseDeviceSpecs(text);
    ASSERT_THAT(specs, IsOk());
    EXPECT_EQ(specs->size(), 1u);
  }
}

TEST(DeviceSpecTest, PutsTheCpuFirstAndKeepsTheOthersOrder) {
  const auto specs = ParseDeviceSpecs("sim:1,sim:0,cpu=1GiB");
  ASSERT_THAT(specs, IsOk());
  ASSERT_EQ(specs->size(), 3u);
  EXPECT_EQ((*specs)[0].id.ToString(), "cpu");
  EXPECT_EQ((*specs)[0].capacity_bytes, 1024 * kMiB);
  EXPECT_EQ((*specs)[1].id.ToString(), "sim:1");
  EXPECT_EQ((*specs)[2].id.ToString(), "sim:0");
}

TEST(DeviceSpecTest, RoundsCapacitiesDownToWholeUnits) {
  const auto specs = ParseDeviceSpecs("sim:0=1000000");
  ASSERT_THAT(specs, IsOk());
  EXPECT_EQ((*specs)[1].capacity_bytes, 1000000 / 4096 * 4096u);
}

TEST(DeviceSpecTest, RefusesADeviceNamedTwice) {
  EXPECT_THAT(MistakesOf("sim:0,cpu,sim:0=1GiB"),
              AllOf(HasSubstr("at 10"), HasSubstr("named twice")));
  EXPECT_THAT(MistakesOf("cpu,cpu"), HasSubstr("at 4"));
}

TEST(DeviceSpecTest, RefusesALinkRateOfARealDevice) {
  EXPECT_THAT(MistakesOf("cpu@1GBps"), HasSubstr("simulated"));
  EXPECT_THAT(MistakesOf("cuda:0=1GiB@1GBps"), HasSubstr("simulated"));
}

TEST(DeviceSpecTest, RefusesSimulatedDevicesBeyondTheLimit) {
  EXPECT_THAT(MistakesOf("sim:8"), HasSubstr("sim:7"));
  EXPECT_THAT(ParseDeviceSpecs("sim:7"), IsOk());
}

TEST(DeviceSpecTest, RefusesWhatIsNoSizeAndNoRate) {
  for (const char* text :
       {"sim:0=", "sim:0=x", "sim:0=-1", "sim:0=4095", "sim:0=0", "sim:0@",
        "sim:0@1GB", "sim:0@0Bps", "sim:0=1MiB@x", "sim:0=1MiB@1GBps@1GBps",
        "sim:0@1GBps=1MiB", "sim:0=1MiB=1MiB", "=1MiB", "@"}) {
    MistakesOf(text);
  }
}

TEST(DeviceSpecTest, RefusesEmptyEntries) {
  EXPECT_THAT(MistakesOf("cpu,"), HasSubstr("at 4"));
  EXPECT_THAT(MistakesOf(","), AllOf(HasSubstr("at 0"), HasSubstr("at 1")));
}

TEST(DeviceSpecTest, ReportsEveryMistakeWithItsPlace) {
  EXPECT_THAT(
      MistakesOf("gpu:0,cpu=x,sim:1,sim:9@1"),
      AllOf(HasSubstr("at 0"), HasSubstr("gpu:0"), HasSubstr("at 6"),
            HasSubstr("at 18"), HasSubstr("sim:7"), Not(HasSubstr("at 12"))));
}

}  // namespace
}  // namespace ferry::device_spec_test
