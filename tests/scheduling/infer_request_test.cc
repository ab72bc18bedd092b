// InferRequest: when it is given up, and how it ends. Times are numbers; what
// is counted is read from a table without models, devices or a mover.

#include "server/scheduling/infer_request.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scheduling/bare_table.h"
#include "tests/scheduling/recorded_request.h"
#include "tests/support/status_matchers.h"

namespace ferry::infer_request_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

constexpr absl::Duration kStart = absl::Seconds(1000);

TEST(InferRequestTest, GoesOnAsLongAsSomebodyWaits) {
  RecordedRequest request;
  request.Submitted(kStart, {});
  EXPECT_THAT(request.GivenUp(kStart + absl::Hours(1000)), IsOk());
  request.deadline = kStart + absl::Seconds(1);
  EXPECT_THAT(request.GivenUp(request.deadline - absl::Nanoseconds(1)), IsOk());
  EXPECT_THAT(request.GivenUp(request.deadline),
              StatusIs(StatusCode::kDeadlineExceeded));
}

TEST(InferRequestTest, IsGivenUpOnceItsClientIsGone) {
  RecordedRequest request;
  request.Submitted(kStart, {});
  request.Cancel();
  EXPECT_THAT(request.GivenUp(kStart), StatusIs(StatusCode::kCancelled));
}

// Its client's timer runs out a little before the deadline does here.
TEST(InferRequestTest, ACancelAroundTheDeadlineIsTheDeadline) {
  RecordedRequest request;
  request.Submitted(kStart, {});
  request.deadline = kStart + absl::Seconds(10);
  request.Cancel();
  const absl::Duration early = absl::Milliseconds(10 + 100);  // 1% of 10 s.
  EXPECT_THAT(request.GivenUp(request.deadline - early),
              StatusIs(StatusCode::kDeadlineExceeded));
  EXPECT_THAT(request.GivenUp(request.deadline - early - absl::Milliseconds(1)),
              StatusIs(StatusCode::kCancelled));
}

TEST(InferRequestTest, FollowsItsModelSoOftenAndNoMore) {
  RecordedRequest request;
  for (int i = 0; i < InferRequest::kFollowMax; ++i) {
    EXPECT_TRUE(request.Follow());
  }
  EXPECT_FALSE(request.Follow());
}

class InferRequestEndTest : public testing::Test {
 protected:
  InferRequestEndTest() {
    models_.Load("a", {kCpu});
    models_.Admit(request_, "a");
    request_.Submitted(kStart, CallCount::Call(accepted_));
  }

  int64_t waiting() { return models_.table.Get("a")->queued_requests; }
  bool under_way() { return !accepted_.WaitForNone(absl::ZeroDuration()); }

  BareTable models_;
  CallCount accepted_;
  RecordedRequest request_;
};

TEST_F(InferRequestEndTest, OneThatFailsHasGivenUpItsPlaceBeforeItIsTold) {
  EXPECT_EQ(waiting(), 1);
  request_.Fail(absl::CancelledError("gone"));
  EXPECT_THAT(*request_.ended, StatusIs(StatusCode::kCancelled));
  EXPECT_FALSE(request_.admitted_when_done);
  EXPECT_FALSE(under_way());
  EXPECT_EQ(waiting(), 0);
  EXPECT_THAT(models_.metrics.Text(),
              HasSubstr("{code=\"CANCELLED\",model=\"a\"} 1\n"));
}

TEST_F(InferRequestEndTest, AnAnswerKeepsTheModelForWhoeverRanIt) {
  {
    const InferRequest::Held held =
        request_.Answer({.outputs = {}, .device = kCpu, .version = 1});
    EXPECT_THAT(*request_.ended, IsOk());
    EXPECT_EQ(waiting(), 1);
    EXPECT_TRUE(under_way());
  }
  EXPECT_EQ(waiting(), 0);
  EXPECT_FALSE(under_way());
  EXPECT_THAT(models_.metrics.Text(),
              HasSubstr("{code=\"OK\",model=\"a\"} 1\n"));
}

TEST_F(InferRequestEndTest, AnAnswerThatCannotBeWrittenIsNoAnswer) {
  request_.encoded = absl::ResourceExhaustedError("too large");
  const InferRequest::Held held =
      request_.Answer({.outputs = {}, .device = kCpu, .version = 1});
  EXPECT_THAT(*request_.ended, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(models_.metrics.Text(),
              HasSubstr("{code=\"RESOURCE_EXHAUSTED\",model=\"a\"} 1\n"));
}

}  // namespace
}  // namespace ferry::infer_request_test
