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
  EXPECT_EQ(PlaceLabel({}), "disk");
  EXPECT_EQ(PlaceLabel({"sim:0"}), "sim:0");
  EXPECT_EQ(PlaceLabel({"cpu", "sim:0"}), "several");
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
  MoveReport report;
  report.model = "m";
  report.from = {"disk"};
  report.to = {"cpu", "sim:0"};
  report.size_bytes = 8;
  testing::internal::CaptureStderr();
  RecordMove(report, metrics);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("moved model=m from=disk to=cpu,sim:0 bytes=8 "));
  report.status = absl::DataLossError("damaged");
  testing::internal::CaptureStderr();
  RecordMove(report, metrics);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  const std::string text = metrics.Text();
  EXPECT_THAT(text, HasSubstr("ferry_moves_total{code=\"DATA_LOSS\",from="
                              "\"disk\",to=\"several\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("ferry_move_step_seconds_count{from=\"disk\","
                              "step=\"copy\",to=\"several\"} 1\n"));
}

}  // namespace
}  // namespace ferry::move_record_test
