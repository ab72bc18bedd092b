// Scheduler: requests follow their model when it moves, stands still or loses a
// device.

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/clock.h"
#include "tests/scheduling/scheduler_fixture.h"

namespace ferry::scheduler_moves_test {
namespace {

using SchedulerMovesTest = SchedulerTest;

TEST_F(SchedulerMovesTest, RequestsFollowAModelThatMovesUnderThem) {
  std::vector<std::unique_ptr<FloatRequest>> requests;
  for (int i = 0; i < 600; ++i) {
    requests.push_back(std::make_unique<FloatRequest>("twice", 3));
    Submit(*requests.back());
    if (i % 10 != 0) continue;
    const char* device = i % 3 == 0 ? "sim:0" : i % 3 == 1 ? "sim:1" : "cpu";
    ASSERT_THAT(pool_.Migrate("twice", {device}), IsOk());
  }
  for (const auto& request : requests) {
    const auto answer = request->end.get();
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->y, 7);
  }
}

// "counter", a stateful model, in the moment of a move to sim:0 in which it
// stands still: a request of it runs, for as long as the test wants.
class StandingStillTest : public SchedulerTest {
 protected:
  void SetUp() override {
    SchedulerTest::SetUp();
    SaveCounterModel(pool_.models / "counter.pt");
    ASSERT_THAT(pool_.Load("counter", {"cpu"}), IsOk());
  }

  // True when the thread that submits it has run it.
  bool RunsHere() {
    FloatRequest request("counter", 0);
    Submit(request);
    const auto answer = request.end.get();
    EXPECT_THAT(answer, IsOk());
    EXPECT_EQ(answer->y, runs_++);
    return answer->thread == std::this_thread::get_id();
  }

  void StandStill() {
    admission_ = *pool_.table->Admit("counter", 0);
    pin_ = pool_.table->PinOn(admission_, *DeviceId::Parse("cpu"));
    ticket_ =
        pool_.mover->Ask({.kind = MoveKind::kMigrate,
                          .model = {.name = "counter"},
                          .destination = *Destination::Parse({"sim:0"})},
                         [this](const absl::StatusOr<MoveOutcome>& outcome) {
                           moved_.set_value(outcome.status());
                         });
    while (!admission_.stands_still()) std::this_thread::yield();
  }
  void GoOn() {
    pin_ = {};
    EXPECT_THAT(moved_.get_future().get(), IsOk());
    admission_ = {};
  }

  float runs_ = 0;
  ModelTable::Admission admission_;
  ModelTable::Pin pin_;
  std::promise<absl::Status> moved_;
  Mover::Ticket ticket_;
};

TEST_F(StandingStillTest, BlocksNoLane) {
  StandStill();
  FloatRequest waits("counter", 0);
  Submit(waits);
  FloatRequest other("twice", 3);
  Submit(other);
  EXPECT_EQ(other.end.get()->device, "cpu");
  EXPECT_EQ(pool_.table->Get("counter")->queued_requests, 1);
  GoOn();
  const auto answer = waits.end.get();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->y, 0);
  EXPECT_EQ(answer->device, "sim:0");
}

TEST_F(StandingStillTest, BlocksNoSubmitter) {
  while (!RunsHere()) {
  }
  StandStill();
  FloatRequest waits("counter", 0);
  Submit(waits);  // Returns.
  GoOn();
  EXPECT_EQ(waits.end.get()->y, runs_);
}

TEST_F(StandingStillTest, LetsARequestGoThatIsCancelled) {
  StandStill();
  FloatRequest cancelled("counter", 0);
  FloatRequest late("counter", 0);
  late.deadline = MonotonicNow() + absl::Milliseconds(1);
  FloatRequest other("twice", 3);
  for (FloatRequest* request : {&cancelled, &late, &other}) {
    Submit(*request);
  }
  EXPECT_THAT(other.end.get(), IsOk());  // Both are back in the queue.
  scheduler_->Cancel(cancelled);
  scheduler_->Cancel(late);
  EXPECT_THAT(cancelled.end.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(late.end.get(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  GoOn();
}

TEST_F(StandingStillTest, ItsRequestsGoAlongInTheirOrder) {
  StandStill();
  FloatRequest first("counter", 0);
  FloatRequest second("counter", 0);
  Submit(first);
  Submit(second);
  // The lane that they wait for has no time for them.
  std::promise<void> hold;
  FloatRequest busy("twice", 3);
  busy.hold = &hold;
  SubmitAndAwaitRun(busy);
  GoOn();
  FloatRequest third("counter", 0);
  Submit(third);
  EXPECT_EQ(first.end.get()->y, 0);
  EXPECT_EQ(second.end.get()->y, 1);
  EXPECT_EQ(third.end.get()->y, 2);
  hold.set_value();
  EXPECT_THAT(busy.end.get(), IsOk());
}

TEST_F(StandingStillTest, ItsRequestsRunWhereTheyWaitedWhenItStays) {
  StandStill();
  FloatRequest waits("counter", 0);
  Submit(waits);
  ticket_ = {};
  EXPECT_THAT(moved_.get_future().get(),
              StatusIs(absl::StatusCode::kCancelled));
  // Its other request runs on.
  EXPECT_EQ(waits.end.get()->device, "cpu");
  pin_ = {};
  admission_ = {};
}

TEST_F(SchedulerMovesTest, AReplicaOnAFailedDeviceGetsNothing) {
  ASSERT_THAT(pool_.Migrate("twice", {"sim:0", "sim:1"}), IsOk());
  pool_.sim(0).Inject({.kind = SimFault::Kind::kFailDevice});
  EXPECT_THAT(pool_.Load("throwing", {"sim:0"}),
              StatusIs(absl::StatusCode::kInternal));
  for (int i = 0; i < 20; ++i) {
    FloatRequest request("twice", 3);
    Submit(request);
    const auto answer = request.end.get();
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(answer->device, "sim:1");
  }
}

TEST_F(SchedulerMovesTest, WhatWaitsForADeviceThatFailsFollowsToAnother) {
  ASSERT_THAT(pool_.Migrate("twice", {"sim:0", "sim:1"}), IsOk());
  std::promise<void> hold[2];
  FloatRequest running[2] = {FloatRequest("twice", 3),
                             FloatRequest("twice", 3)};
  for (int i : {0, 1}) {
    running[i].hold = &hold[i];
    Submit(running[i]);
    while (!running[i].held) std::this_thread::yield();  // It has run.
  }
  std::vector<std::unique_ptr<FloatRequest>> waiting;  // Two for each device.
  for (int i = 0; i < 4; ++i) {
    waiting.push_back(std::make_unique<FloatRequest>("twice", 3));
    Submit(*waiting.back());
  }
  pool_.sim(0).Inject({.kind = SimFault::Kind::kAssert});
  for (int i : {0, 1}) hold[i].set_value();
  int failed = 0;
  for (const auto& request : waiting) {
    const auto answer = request->end.get();
    if (answer.ok()) {
      EXPECT_EQ(answer->device, "sim:1");
    } else {
      EXPECT_THAT(answer, StatusIs(absl::StatusCode::kInternal));
      ++failed;
    }
  }
  EXPECT_EQ(failed, 1);  // Whose kernel asserted.
  for (FloatRequest& request : running) EXPECT_THAT(request.end.get(), IsOk());
}

TEST_F(SchedulerMovesTest, RefusesAtOnceWhenTheOnlyDeviceHasFailed) {
  ASSERT_THAT(pool_.Migrate("twice", {"sim:0"}), IsOk());
  pool_.sim(0).Inject({.kind = SimFault::Kind::kAssert});
  FloatRequest asserting("twice", 3);
  Submit(asserting);
  EXPECT_THAT(asserting.end.get(), StatusIs(absl::StatusCode::kInternal));
  FloatRequest next("twice", 3);
  Submit(next);
  EXPECT_THAT(next.end.get(), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_THAT(pool_.Migrate("twice", {"cpu"}), IsOk());
  FloatRequest moved("twice", 3);
  Submit(moved);
  EXPECT_THAT(moved.end.get(), IsOk());
}

}  // namespace
}  // namespace ferry::scheduler_moves_test
