// Scheduler: requests run where the model is, follow it, and end exactly once.

#include "server/scheduling/scheduler.h"

#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "server/base/clock.h"
#include "server/base/worker.h"
#include "tests/scheduling/float_request.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry::scheduler_test {
namespace {

class SchedulerTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(pool_.models / "twice.pt", 2);
    SaveThrowingModel(pool_.models / "throwing.pt");
    ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  }

  void Submit(FloatRequest& request) {
    auto admission = pool_.table->Admit(request.model, 0);
    if (!admission.ok()) return request.Fail(admission.status());
    request.admission = *std::move(admission);
    scheduler_->Submit(request);
  }

  // Until it has left the queue for the only lane.
  void SubmitAndAwaitRun(FloatRequest& request) {
    Submit(request);
    while (pool_.table->Get(request.model)->queued_requests > 0) {
      std::this_thread::yield();
    }
  }

  TestPool pool_;
  std::unique_ptr<Scheduler> scheduler_ =
      std::make_unique<Scheduler>(pool_.devices->devices(), 1, *pool_.table);
};

TEST_F(SchedulerTest, RunsARequestWhereItsModelServes) {
  FloatRequest on_cpu("twice", 3);
  Submit(on_cpu);
  const auto answer = on_cpu.end.get();
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->y, 7);
  EXPECT_EQ(answer->device, "cpu");

  ASSERT_THAT(pool_.Migrate("twice", {"sim:1"}), IsOk());
  FloatRequest on_sim("twice", 3);
  Submit(on_sim);
  EXPECT_EQ(on_sim.end.get()->device, "sim:1");
}

TEST_F(SchedulerTest, ItsSubmitterRunsAShortRequestOnceItIsKnownToBeShort) {
  const auto runs_here = [&] {
    FloatRequest request("twice", 3);
    Submit(request);
    const auto answer = request.end.get();
    EXPECT_THAT(answer, IsOk());
    EXPECT_EQ(answer->y, 7);
    return answer->thread == std::this_thread::get_id();
  };
  EXPECT_FALSE(runs_here()) << "nothing is known of the model";
  while (!runs_here()) {
  }
  // A move forgets: elsewhere it may take longer.
  ASSERT_THAT(pool_.Migrate("twice", {"sim:0"}), IsOk());
  EXPECT_FALSE(runs_here());
  ASSERT_THAT(pool_.Migrate("twice", {"cpu"}), IsOk());
  EXPECT_FALSE(runs_here());
}

TEST_F(SchedulerTest, AModelThatTakesLongRunsOnItsLane) {
  SaveSlowModel(pool_.models / "slow.pt", 256, 4);
  ASSERT_THAT(pool_.Load("slow", {"cpu"}), IsOk());
  for (int i = 0; i < 100; ++i) {
    FloatRequest request("slow", 1);
    Submit(request);
    const auto answer = request.end.get();
    ASSERT_THAT(answer, IsOk());
    EXPECT_NE(answer->thread, std::this_thread::get_id());
  }
}

TEST_F(SchedulerTest, ShortRequestsOfManySubmittersAllEnd) {
  std::vector<std::unique_ptr<Worker>> submitters;
  for (int t = 0; t < 4; ++t) {
    submitters.push_back(std::make_unique<Worker>("submitter", [&] {
      for (int i = 0; i < 500; ++i) {
        FloatRequest request("twice", static_cast<float>(i));
        Submit(request);
        const auto answer = request.end.get();
        ASSERT_THAT(answer, IsOk());
        EXPECT_EQ(answer->y, 2 * static_cast<float>(i) + 1);
      }
    }));
  }
  submitters.clear();
  EXPECT_TRUE(scheduler_->Drain(absl::Seconds(60)));
}

TEST_F(SchedulerTest, ARequestThatIsCancelledLeavesTheQueueAtOnce) {
  std::promise<void> hold;
  FloatRequest running("twice", 3);
  running.hold = &hold;
  SubmitAndAwaitRun(running);
  FloatRequest cancelled("twice", 4);
  FloatRequest timed_out("twice", 5);
  timed_out.deadline = MonotonicNow() + absl::Milliseconds(5);
  FloatRequest early("twice", 6);
  early.deadline = MonotonicNow() + absl::Hours(1);
  FloatRequest waits("twice", 7);
  for (FloatRequest* request : {&cancelled, &timed_out, &early, &waits}) {
    Submit(*request);
  }
  for (FloatRequest* request : {&cancelled, &timed_out, &early}) {
    scheduler_->Cancel(*request);
  }
  // While the lane is still busy.
  EXPECT_THAT(cancelled.end.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(timed_out.end.get(),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(early.end.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(pool_.table->Get("twice")->queued_requests, 1);
  scheduler_->Cancel(running);  // Too late: it runs.
  hold.set_value();
  EXPECT_THAT(running.end.get(), IsOk());
  EXPECT_THAT(waits.end.get(), IsOk());
}

TEST_F(SchedulerTest, RefusesRequestsOnceDrained) {
  EXPECT_TRUE(scheduler_->Drain(absl::InfiniteDuration()));
  FloatRequest request("twice", 3);
  Submit(request);
  EXPECT_THAT(request.end.get(), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(SchedulerTest, RequestsFollowAModelThatMovesUnderThem) {
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

TEST_F(SchedulerTest, AReplicaOnAFailedDeviceGetsNothing) {
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

TEST_F(SchedulerTest, WhatWaitsForADeviceThatFailsFollowsToAnother) {
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

TEST_F(SchedulerTest, RefusesAtOnceWhenTheOnlyDeviceHasFailed) {
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

TEST_F(SchedulerTest, ADrainLetsAcceptedRequestsRun) {
  std::promise<void> hold;
  FloatRequest running("twice", 3);
  running.hold = &hold;
  Submit(running);
  FloatRequest queued("twice", 4);
  Submit(queued);
  std::promise<bool> drained;
  const Worker drainer("drainer", [&] {
    drained.set_value(scheduler_->Drain(absl::InfiniteDuration()));
  });
  hold.set_value();
  EXPECT_TRUE(drained.get_future().get());
  EXPECT_THAT(running.end.get(), IsOk());
  EXPECT_THAT(queued.end.get(), IsOk());
}

TEST_F(SchedulerTest, ADrainEndsWhatIsQueuedWhenItsLimitPasses) {
  std::promise<void> hold;
  FloatRequest running("twice", 3);
  running.hold = &hold;
  SubmitAndAwaitRun(running);
  FloatRequest queued("twice", 4);
  Submit(queued);
  EXPECT_FALSE(scheduler_->Drain(absl::Milliseconds(1)));
  const auto refused = queued.end.get();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(refused.status().message(),
            "the server stopped before this request ran; use another");
  hold.set_value();
  EXPECT_THAT(running.end.get(), IsOk());
}

TEST_F(SchedulerTest, LeavesNothingAdmittedBehind) {
  for (int i = 0; i < 100; ++i) {
    FloatRequest request("twice", 3);
    Submit(request);
    EXPECT_THAT(request.end.get(), IsOk());
  }
  scheduler_->Drain(absl::InfiniteDuration());
  EXPECT_EQ(pool_.table->Get("twice")->queued_requests, 0);
  EXPECT_THAT(pool_.Unload("twice"), IsOk());
}

}  // namespace
}  // namespace ferry::scheduler_test
