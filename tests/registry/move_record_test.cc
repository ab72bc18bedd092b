// What is recorded of a move, read back from the exposition text and the log.

#include "server/registry/move_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/devices/device_pool.h"
#include "server/devices/device_spec.h"

namespace ferry::move_record_test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(MoveRecordTest, NamesOnePlaceAndOnlyCountsSeveral) {
  EXPECT_EQ(PlaceLabel({}), "auto");
  EXPECT_EQ(PlaceLabel({Place::Disk()}), "disk");
  EXPECT_EQ(PlaceLabel({Place::On({DeviceKind::kSim, 0})}), "sim:0");
  EXPECT_EQ(PlaceLabel({Place::Host(), Place::On({DeviceKind::kSim, 0})}),
            "several");
}

TEST(MoveRecordTest, StartsCountersAtZero) {
  Metrics metrics;
  const auto pool =
      DevicePool::Create(*ParseDeviceSpecs("cpu=1MiB,sim:0=1MiB"));
  StartMoveCounters((*pool)->devices(), metrics);
  const std::string text = metrics.Text();
  for (const char* line :
       {"ferry_verify_failures_total{device=\"cpu\"} 0\n",
        "ferry_moves_total{code=\"OK\",from=\"disk\",to=\"cpu\"} 0\n",
        "ferry_moves_total{code=\"INTERNAL\",from=\"cpu\",to=\"sim:0\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("from=\"cpu\",to=\"cpu\"")));
  EXPECT_THAT(text, Not(HasSubstr("to=\"disk\"")));
}

TEST(MoveRecordTest, CountsAFailureAndLogsOnlyWhatEndedWell) {
  Metrics metrics;
  const Calibration calibration;
  MoveRecord record(calibration, metrics);
  TransferReport hop;
  hop.size_bytes = 8;
  record.CountHop(Place::Disk(), Place::Host(), hop);
  const auto end = [&](const absl::Status& status) {
    return record.End({.name = "m"}, {Place::Disk()},
                      {Place::Host(), Place::On({DeviceKind::kSim, 0})},
                      status.ok(), status);
  };
  testing::internal::CaptureStderr();
  EXPECT_EQ(end(absl::OkStatus()).size_bytes, 8);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("moved model=m from=disk to=cpu,sim:0 bytes=8 "));
  testing::internal::CaptureStderr();
  EXPECT_FALSE(end(absl::DataLossError("damaged")).verified);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("ferry_moves_total{code=\"DATA_LOSS\",from="
                              "\"disk\",to=\"several\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ferry_move_step_seconds_count{from=\"disk\","
                              "step=\"copy\",to=\"several\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ferry_move_bytes_total{from=\"disk\",to=\"cpu\""
                              "} 8\n"));
}

}  // namespace
}  // namespace ferry::move_record_test
