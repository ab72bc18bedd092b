// Destination: what clients may write.

#include "server/registry/destination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry {
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

}  // namespace
}  // namespace ferry
