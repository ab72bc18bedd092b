// Scheduler: requests run where the model is, by whom they should, and end
// exactly once.

#include "server/scheduling/scheduler.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/worker.h"
#include "tests/scheduling/scheduler_fixture.h"

namespace ferry::scheduler_test {
namespace {

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

// Other servers have crashed here: a client that leaves as its answer does.
TEST_F(SchedulerTest, ACancelBesideTheEndEndsARequestOnce) {
  constexpr int kRequests = 1000;
  std::vector<std::unique_ptr<FloatRequest>> requests;
  for (int i = 0; i < kRequests; ++i) {
    requests.push_back(std::make_unique<FloatRequest>("twice", 3));
  }
  std::atomic<int> submitted{0};
  {
    const Worker leaver("leaver", [&] {
      for (int i = 0; i < kRequests; ++i) {
        while (submitted <= i) std::this_thread::yield();
        scheduler_->Cancel(*requests[static_cast<size_t>(i)]);
      }
    });
    for (const auto& request : requests) {
      ++submitted;  // It may be cancelled before, while and after it runs.
      Submit(*request);
    }
  }
  EXPECT_TRUE(scheduler_->Drain(absl::InfiniteDuration()));
  int ran = 0;
  for (const auto& request : requests) {
    const auto answer = request->end.get();  // A second end would throw.
    ran += answer.ok();
    if (answer.ok()) continue;
    EXPECT_THAT(answer, StatusIs(absl::StatusCode::kCancelled));
  }
  const std::string text = pool_.metrics.Text();
  for (const auto& [code, count] :
       {std::pair{"OK", ran}, std::pair{"CANCELLED", kRequests - ran}}) {
    if (count == 0) continue;
    EXPECT_THAT(text, testing::HasSubstr(absl::StrCat(
                          "ferry_infer_requests_total{code=\"", code,
                          "\",model=\"twice\"} ", count, "\n")));
  }
}

TEST_F(SchedulerTest, RefusesRequestsOnceDrained) {
  EXPECT_TRUE(scheduler_->Drain(absl::InfiniteDuration()));
  FloatRequest request("twice", 3);
  Submit(request);
  EXPECT_THAT(request.end.get(), StatusIs(absl::StatusCode::kUnavailable));
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
