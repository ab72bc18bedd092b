// Destination: what clients may write.

#include "server/registry/destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::destination_test {
namespace {

using testing::ElementsAre;

TEST(DestinationTest, IsAutoOrDevices) {
  EXPECT_TRUE(Destination::Parse({})->automatic);
  EXPECT_TRUE(Destination::Parse({"auto"})->automatic);
  EXPECT_THAT(Destination::Parse({"cpu", "sim:1"})->devices,
              ElementsAre(*DeviceId::Parse("cpu"), *DeviceId::Parse("sim:1")));
  EXPECT_THAT(Destination::Parse({"auto", "cpu"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Destination::Parse({"gpu"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(DestinationTest, IsTheSameInAnyOrder) {
  EXPECT_EQ(*Destination::Parse({"sim:1", "cpu"}),
            *Destination::Parse({"cpu", "sim:1"}));
}

TEST(DestinationTest, NamesADeviceOnce) {
  const auto twice = Destination::Parse({"sim:1", "cpu", "sim:1"});
  EXPECT_THAT(twice, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(twice.status().message(), "devices: sim:1 is named twice");
}

}  // namespace
}  // namespace ferry::destination_test
