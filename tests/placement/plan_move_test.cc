// PlanMove as a table: each test draws the devices and reads off the plan.

#include "server/placement/plan_move.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::plan_move_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr DeviceId kCpu{DeviceKind::kCpu, 0};
constexpr DeviceId kSim0{DeviceKind::kSim, 0};
constexpr DeviceId kSim1{DeviceKind::kSim, 1};
constexpr DeviceId kCuda3{DeviceKind::kCuda, 3};

// Draws a device's memory, one character a byte: '#' is used, '.' is free.
DeviceSnapshot Draw(DeviceId id, std::string_view picture) {
  DeviceSnapshot device{.id = id, .capacity_bytes = picture.size()};
  uint64_t gap_bytes = 0;
  for (const char byte : picture) {
    gap_bytes = byte == '.' ? gap_bytes + 1 : 0;
    device.used_bytes += byte == '.' ? 0 : 1;
    device.largest_gap_bytes = std::max(device.largest_gap_bytes, gap_bytes);
  }
  return device;
}

// A model of four bytes that has been read from its file before.
MoveQuestion Parked(std::vector<DeviceId> wanted) {
  return {.model = "m",
          .size_bytes = 4,
          .has_host_copy = true,
          .serving = {},
          .wanted = std::move(wanted),
          .automatic = false};
}
MoveQuestion OnDisk(std::vector<DeviceId> wanted) {
  MoveQuestion question = Parked(std::move(wanted));
  question.has_host_copy = false;
  return question;
}
MoveQuestion Serving(std::vector<DeviceId> serving,
                     std::vector<DeviceId> wanted) {
  MoveQuestion question = Parked(std::move(wanted));
  question.serving = std::move(serving);
  return question;
}
MoveQuestion Automatic(MoveQuestion question) {
  question.wanted.clear();
  question.automatic = true;
  return question;
}

std::vector<DeviceSnapshot> Roomy() {
  return {Draw(kCpu, "........"), Draw(kSim0, "........"),
          Draw(kSim1, "........")};
}

std::string ErrorOf(const std::vector<DeviceSnapshot>& devices,
                    const MoveQuestion& question) {
  return std::string(PlanMove(devices, question).status().message());
}

TEST(PlanMoveTest, ReadsTheFileWhenThereIsNoHostCopy) {
  const MovePlan plan = *PlanMove(Roomy(), OnDisk({kSim0}));
  EXPECT_TRUE(plan.read_file);
  EXPECT_THAT(plan.fill, ElementsAre(kSim0));
  EXPECT_THAT(plan.keep, IsEmpty());
  EXPECT_THAT(plan.drop, IsEmpty());
}

TEST(PlanMoveTest, DoesNotReadTheFileWhenThereIsAHostCopy) {
  EXPECT_FALSE(PlanMove(Roomy(), Parked({kSim0}))->read_file);
}

TEST(PlanMoveTest, FillsTheNewDeviceAndDropsTheOldOne) {
  const MovePlan plan = *PlanMove(Roomy(), Serving({kSim0}, {kSim1}));
  EXPECT_FALSE(plan.read_file);
  EXPECT_THAT(plan.keep, IsEmpty());
  EXPECT_THAT(plan.fill, ElementsAre(kSim1));
  EXPECT_THAT(plan.drop, ElementsAre(kSim0));
}

TEST(PlanMoveTest, AddsAReplicaNextToTheOneThatServes) {
  const MovePlan plan = *PlanMove(Roomy(), Serving({kSim0}, {kSim1, kSim0}));
  EXPECT_THAT(plan.keep, ElementsAre(kSim0));
  EXPECT_THAT(plan.fill, ElementsAre(kSim1));
  EXPECT_THAT(plan.drop, IsEmpty());
}

TEST(PlanMoveTest, DropsAReplicaWithoutReadingOrFillingAnything) {
  const std::vector<DeviceSnapshot> full = {Draw(kCpu, "####"),
                                            Draw(kSim0, "####")};
  MoveQuestion question = Serving({kCpu, kSim0}, {kSim0});
  question.has_host_copy = false;
  const MovePlan plan = *PlanMove(full, question);
  EXPECT_FALSE(plan.read_file);
  EXPECT_THAT(plan.keep, ElementsAre(kSim0));
  EXPECT_THAT(plan.fill, IsEmpty());
  EXPECT_THAT(plan.drop, ElementsAre(kCpu));
}

TEST(PlanMoveTest, NeedsNoMoreHostMemoryToServeFromTheHostCopy) {
  const auto plan = PlanMove({Draw(kCpu, "####")}, Parked({kCpu}));
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->fill, ElementsAre(kCpu));
}

TEST(PlanMoveTest, RefusesALoadThatHostMemoryCannotHold) {
  const std::vector<DeviceSnapshot> devices = {Draw(kCpu, "..##.."),
                                               Draw(kSim0, "........")};
  const auto plan = PlanMove(devices, OnDisk({kSim0}));
  EXPECT_THAT(plan, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(ErrorOf(devices, OnDisk({kSim0})), HasSubstr("cpu"));
}

TEST(PlanMoveTest, RefusesWhenFreeBytesAreNotInOnePieceAndSaysTheNumbers) {
  const std::vector<DeviceSnapshot> devices = {Draw(kCpu, "........"),
                                               Draw(kSim0, "...##..#")};
  EXPECT_THAT(PlanMove(devices, Parked({kSim0})),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(
      ErrorOf(devices, Parked({kSim0})),
      AllOf(HasSubstr("sim:0"), HasSubstr("(4 bytes)"), HasSubstr("(5 bytes)"),
            HasSubstr("(3 bytes)"), HasSubstr("(8 bytes)")));
}

TEST(PlanMoveTest, AGapOfExactlyTheSizeIsEnough) {
  EXPECT_THAT(
      PlanMove({Draw(kCpu, "...."), Draw(kSim0, "#....##")}, OnDisk({kSim0})),
      IsOk());
}

TEST(PlanMoveTest, AModelWithoutWeightsStillNeedsALease) {
  MoveQuestion question = Parked({kSim0});
  question.size_bytes = 0;
  EXPECT_THAT(PlanMove({Draw(kCpu, "..."), Draw(kSim0, "##.")}, question),
              IsOk());
  EXPECT_THAT(PlanMove({Draw(kCpu, "..."), Draw(kSim0, "###")}, question),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(PlanMoveTest, RefusesAMoveToNoDevice) {
  EXPECT_THAT(PlanMove(Roomy(), Parked({})),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(PlanMoveTest, RefusesADeviceNamedTwice) {
  EXPECT_THAT(PlanMove(Roomy(), Parked({kSim0, kSim1, kSim0})),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ErrorOf(Roomy(), Parked({kSim0, kSim1, kSim0})),
              HasSubstr("sim:0"));
}

TEST(PlanMoveTest, NamesTheDevicesThereAreWhenOneIsNot) {
  EXPECT_THAT(PlanMove(Roomy(), Parked({kCuda3})),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(ErrorOf(Roomy(), Parked({kCuda3})),
              AllOf(HasSubstr("cuda:3"), HasSubstr("cpu, sim:0, sim:1")));
}

TEST(PlanMoveTest, RefusesADeviceThatHasFailed) {
  std::vector<DeviceSnapshot> devices = Roomy();
  devices[1].healthy = false;
  EXPECT_THAT(PlanMove(devices, Parked({kSim0})),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(PlanMoveTest, MovesAwayFromADeviceThatHasFailed) {
  std::vector<DeviceSnapshot> devices = Roomy();
  devices[1].healthy = false;
  const auto plan = PlanMove(devices, Serving({kSim0}, {kSim1}));
  ASSERT_THAT(plan, IsOk());
  EXPECT_THAT(plan->drop, ElementsAre(kSim0));
}

TEST(PlanMoveTest, AutomaticTakesTheAcceleratorWithTheLargestGap) {
  const std::vector<DeviceSnapshot> devices = {Draw(kCpu, "................"),
                                               Draw(kSim0, "....#...."),
                                               Draw(kSim1, "###.....")};
  EXPECT_THAT(PlanMove(devices, Automatic(OnDisk({})))->fill,
              ElementsAre(kSim1));
}

TEST(PlanMoveTest, AutomaticTakesTheFirstOfTwoEqualAccelerators) {
  EXPECT_THAT(PlanMove(Roomy(), Automatic(OnDisk({})))->fill,
              ElementsAre(kSim0));
}

TEST(PlanMoveTest, AutomaticFallsBackToTheCpu) {
  const std::vector<DeviceSnapshot> devices = {
      Draw(kCpu, "........"), Draw(kSim0, "..."), Draw(kSim1, "...#...")};
  EXPECT_THAT(PlanMove(devices, Automatic(OnDisk({})))->fill,
              ElementsAre(kCpu));
}

TEST(PlanMoveTest, AutomaticSkipsAnAcceleratorThatHasFailed) {
  std::vector<DeviceSnapshot> devices = Roomy();
  devices[1].healthy = false;
  EXPECT_THAT(PlanMove(devices, Automatic(OnDisk({})))->fill,
              ElementsAre(kSim1));
}

TEST(PlanMoveTest, AutomaticLeavesAModelOnTheAcceleratorWhereItServes) {
  const std::vector<DeviceSnapshot> devices = {
      Draw(kCpu, "........"), Draw(kSim0, "........"), Draw(kSim1, "####")};
  const MovePlan plan = *PlanMove(devices, Automatic(Serving({kSim1}, {})));
  EXPECT_THAT(plan.keep, ElementsAre(kSim1));
  EXPECT_THAT(plan.fill, IsEmpty());
}

TEST(PlanMoveTest, AutomaticMovesAModelFromTheCpuToAnAccelerator) {
  const MovePlan plan = *PlanMove(Roomy(), Automatic(Serving({kCpu}, {})));
  EXPECT_THAT(plan.fill, ElementsAre(kSim0));
  EXPECT_THAT(plan.drop, ElementsAre(kCpu));
}

TEST(PlanMoveTest, AutomaticRefusesWhatFitsNowhere) {
  EXPECT_THAT(
      PlanMove({Draw(kCpu, "..."), Draw(kSim0, "...")}, Automatic(OnDisk({}))),
      StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(PlanMoveTest, StateNeedsRoomBesideTheImage) {
  MoveQuestion question = Parked({kSim0});
  question.state_bytes = 3;
  const auto plan = [&](std::string_view sim) {
    return PlanMove({Draw(kCpu, "####"), Draw(kSim0, sim)}, question);
  };
  EXPECT_THAT(plan("......."), IsOk());
  EXPECT_THAT(plan("....##..."), IsOk());
  EXPECT_THAT(plan("....##.."), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(plan("...##...."), IsOk());
  EXPECT_THAT(plan("...##..."), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(plan("......").status().message()),
              HasSubstr("sim:0: m needs 7 B (7 bytes)"));
}

TEST(PlanMoveTest, StateNeedsRoomOnTheCpuToo) {
  MoveQuestion question = Parked({kCpu});
  question.state_bytes = 3;
  EXPECT_THAT(PlanMove({Draw(kCpu, "####...")}, question), IsOk());
  EXPECT_THAT(PlanMove({Draw(kCpu, "####..")}, question),
              StatusIs(absl::StatusCode::kResourceExhausted));
  question.has_host_copy = false;
  EXPECT_THAT(PlanMove({Draw(kCpu, ".......")}, question), IsOk());
  EXPECT_THAT(PlanMove({Draw(kCpu, "......")}, question),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

}  // namespace
}  // namespace ferry::plan_move_test
