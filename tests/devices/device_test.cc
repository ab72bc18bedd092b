// DeviceId's two spellings against device.h.

#include "server/devices/device.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::device_test {
namespace {

TEST(DeviceIdTest, ReadsWhatItPrints) {
  for (const char* name : {"cpu", "sim:0", "sim:7", "cuda:1", "cuda:63"}) {
    const auto id = DeviceId::Parse(name);
    ASSERT_THAT(id, IsOk());
    EXPECT_EQ(id->ToString(), name);
  }
}

TEST(DeviceIdTest, RefusesEveryOtherSpelling) {
  for (const std::string name :
       {"", "cpu:0", "CPU", "sim", "sim:", "sim:-1", "sim:+1", "sim:01",
        "sim:1 ", "sim:64", "cuda", "cuda:x", "cuda:99999999999999999999",
        "gpu:0", "sim:1:2"}) {
    EXPECT_THAT(DeviceId::Parse(name),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << name;
  }
}

TEST(DeviceIdTest, NamesWhatItRefusesAndWhatIsAllowed) {
  const auto id = DeviceId::Parse("gpu:0");
  EXPECT_THAT(std::string(id.status().message()),
              testing::AllOf(testing::HasSubstr("\"gpu:0\""),
                             testing::HasSubstr("cuda:N")));
}

}  // namespace
}  // namespace ferry::device_test
