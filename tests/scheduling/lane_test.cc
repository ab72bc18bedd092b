// Lane: what happens to a request on it, on the test's own thread: its queue is
// filled and closed, and Run ends when it is empty. Only what runs a model
// needs one; the rest has a table of names.

#include "server/scheduling/lane.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/base/clock.h"
#include "server/base/worker.h"
#include "tests/scheduling/bare_table.h"
#include "tests/scheduling/float_request.h"
#include "tests/scheduling/recorded_request.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry::lane_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr DeviceId kSim0{DeviceKind::kSim, 0};

// What needs no model to run.
class BareLaneTest : public testing::Test {
 protected:
  void Waits(RecordedRequest& request) {
    models_.Admit(request, "a");
    request.Submitted(MonotonicNow(), CallCount::Call(accepted_));
    router_.Route(request);
  }

  BareTable models_;
  std::unique_ptr<DevicePool> devices_ =
      *DevicePool::Create(*ParseDeviceSpecs("cpu=1MiB,sim:0=1MiB"));
  CallCount accepted_;
  Router router_{devices_->devices(), models_.table};
  Lane cpu_{kCpu, router_, models_.table};
};

TEST_F(BareLaneTest, WhatIsLateOrCancelledEndsWithoutRunning) {
  models_.Load("a", {kCpu});  // It has no Instance: to run it would crash.
  RecordedRequest late;
  RecordedRequest cancelled;
  RecordedRequest both;
  late.deadline = both.deadline = -absl::InfiniteDuration();
  cancelled.Cancel();
  both.Cancel();
  for (RecordedRequest* request : {&late, &cancelled, &both}) Waits(*request);
  router_.Close();
  cpu_.Run();
  EXPECT_THAT(*late.ended, StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_THAT(*cancelled.ended, StatusIs(StatusCode::kCancelled));
  EXPECT_THAT(*both.ended, StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(accepted_.WaitForNone(absl::ZeroDuration()));
}

TEST_F(BareLaneTest, WhatFindsItsModelGoneFollowsIt) {
  models_.Load("a", {kCpu});
  RecordedRequest request;
  Waits(request);
  models_.Migrate("a", {kSim0});
  router_.QueueOf(kCpu).Close();
  cpu_.Run();
  EXPECT_FALSE(request.ended.has_value());
  EXPECT_TRUE(router_.Remove(request)) << "it waits for sim:0";
  request.Fail(absl::CancelledError(""));
}

// A run on the cpu that ended only after the model had left it.
TEST_F(BareLaneTest, IsNotBorrowedAgainForAModelThatHasLeft) {
  models_.Load("a", {kSim0});
  const auto admission = models_.table.Admit("a", 0);
  admission->run_estimate().Add(absl::Microseconds(1));
  RecordedRequest request;
  models_.Admit(request, "a");
  request.Submitted(MonotonicNow(), CallCount::Call(accepted_));
  {
    const Worker sleeps("lane", [this] { cpu_.Run(); });
    while (!cpu_.RunHere(request)) std::this_thread::yield();
    router_.QueueOf(kCpu).Close();
  }
  EXPECT_FALSE(admission->run_estimate().IsShort());
  EXPECT_TRUE(router_.Remove(request)) << "it waits for sim:0";
  request.Fail(absl::CancelledError(""));
}

class LaneTest : public testing::Test {
 protected:
  void Submit(InferRequest& request, const std::string& model) {
    request.admission = *pool_.table->Admit(model, 0);
    request.Submitted(MonotonicNow(), CallCount::Call(accepted_));
    router_.Route(request);
  }
  void RunAll() {
    router_.Close();
    cpu_.Run();
  }

  TestPool pool_;
  CallCount accepted_;
  Router router_{pool_.devices->devices(), *pool_.table};
  Lane cpu_{kCpu, router_, *pool_.table};
};

TEST_F(LaneTest, RunsAndAnswersInOrderAndCountsEachStep) {
  SaveCounterModel(pool_.models / "counter.pt");
  ASSERT_THAT(pool_.Load("counter", {"cpu"}), IsOk());
  FloatRequest first("counter", 0);
  FloatRequest second("counter", 0);
  Submit(first, "counter");
  Submit(second, "counter");
  RunAll();
  EXPECT_EQ(first.end.get()->y, 0);
  EXPECT_EQ(second.end.get()->y, 1);
  const std::string text = pool_.metrics.Text();
  for (const char* step : {"queue", "pin", "run", "encode"}) {
    EXPECT_THAT(text, HasSubstr(std::string("ferry_infer_step_seconds_count{"
                                            "model=\"counter\",step=\"") +
                                step + "\"} 2\n"));
  }
  EXPECT_THAT(text, HasSubstr("{code=\"OK\",model=\"counter\"} 2\n"));
  EXPECT_TRUE(pool_.table->Admit("counter", 0)->run_estimate().mean() <
              absl::InfiniteDuration());
  EXPECT_THAT(pool_.Unload("counter"), IsOk()) << "something is still held";
}

TEST_F(LaneTest, AnswersWithWhatForwardThrew) {
  SaveThrowingModel(pool_.models / "throwing.pt");
  ASSERT_THAT(pool_.Load("throwing", {"cpu"}), IsOk());
  FloatRequest request("throwing", 3);
  Submit(request, "throwing");
  RunAll();
  const auto answer = request.end.get();
  EXPECT_THAT(answer, StatusIs(StatusCode::kInternal));
  EXPECT_THAT(std::string(answer.status().message()), HasSubstr("no thanks"));
}

TEST_F(LaneTest, WholeNumbersForAFloatModelAreTheClientsMistake) {
  SaveMatrixModel(pool_.models / "matrix.pt");
  ASSERT_THAT(pool_.Load("matrix", {"cpu"}), IsOk());
  alignas(16) constexpr std::array<int64_t, 2> kWhole{1, 2};
  RecordedRequest request;
  request.inputs = {
      {.name = "x",
       .value = {TensorView{.dtype = DType::kInt64,
                            .shape = {1, 2},
                            .bytes = std::as_bytes(std::span(kWhole))}}}};
  Submit(request, "matrix");
  RunAll();
  EXPECT_THAT(*request.ended, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(
      std::string(request.ended->message()),
      HasSubstr("model \"matrix\": input \"x\" is INT64 [1, 2], but the "
                "model takes FP32; forward threw: "));
}

}  // namespace
}  // namespace ferry::lane_test
