// InferRequest: when it is given up, and how it ends. Times are numbers; what
// is counted is read from a table without models, devices or a mover.

#include "server/scheduling/infer_request.h"

#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/registry/move_claim.h"
#include "tests/support/status_matchers.h"

namespace ferry::infer_request_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

struct RecordedRequest final : InferRequest {
  absl::Status Encode(const InferAnswer&) override { return encoded; }
  void Done(const absl::Status& status) override {
    admitted_when_done = static_cast<bool>(admission);
    ended = status;
  }

  absl::Status encoded;
  std::optional<absl::Status> ended;
  bool admitted_when_done = false;
};

constexpr absl::Duration kStart = absl::Seconds(1000);

TEST(InferRequestTest, GoesOnAsLongAsSomebodyWaits) {
  RecordedRequest request;
  request.Submitted(kStart);
  EXPECT_THAT(request.GivenUp(kStart + absl::Hours(1000)), IsOk());
  request.deadline = kStart + absl::Seconds(1);
  EXPECT_THAT(request.GivenUp(request.deadline - absl::Nanoseconds(1)), IsOk());
  EXPECT_THAT(request.GivenUp(request.deadline),
              StatusIs(StatusCode::kDeadlineExceeded));
}

TEST(InferRequestTest, IsGivenUpOnceItsClientIsGone) {
  RecordedRequest request;
  request.Submitted(kStart);
  request.Cancel();
  EXPECT_THAT(request.GivenUp(kStart), StatusIs(StatusCode::kCancelled));
}

// Its client's timer runs out a little before the deadline does here.
TEST(InferRequestTest, ACancelAroundTheDeadlineIsTheDeadline) {
  RecordedRequest request;
  request.Submitted(kStart);
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
    auto start = table_.BeginMove(
        {.kind = MoveKind::kLoad, .model = {.name = "a"}}, [] {});
    MoveClaim::Edit edit;
    edit.version = 1;
    edit.add.push_back(std::make_unique<Residence>());
    (void)start->claim->Publish(std::move(edit));
    (void)start->claim->End(absl::OkStatus(), true);
    request_.admission = *table_.Admit("a", 0);
  }
  ~InferRequestEndTest() override { table_.Clear(); }

  int64_t waiting() { return table_.Get("a")->queued_requests; }

  Metrics metrics_;
  ModelTable table_{metrics_, {}};
  RecordedRequest request_;
};

TEST_F(InferRequestEndTest, OneThatFailsHasGivenUpItsPlaceBeforeItIsTold) {
  EXPECT_EQ(waiting(), 1);
  request_.Fail(absl::CancelledError("gone"));
  EXPECT_THAT(*request_.ended, StatusIs(StatusCode::kCancelled));
  EXPECT_FALSE(request_.admitted_when_done);
  EXPECT_EQ(waiting(), 0);
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("{code=\"CANCELLED\",model=\"a\"} 1\n"));
}

TEST_F(InferRequestEndTest, AnAnswerKeepsTheModelForWhoeverRanIt) {
  {
    const ModelTable::Admission kept =
        request_.Answer({.outputs = {}, .device = kCpu, .version = 1});
    EXPECT_THAT(*request_.ended, IsOk());
    EXPECT_EQ(waiting(), 1);
  }
  EXPECT_EQ(waiting(), 0);
  EXPECT_THAT(metrics_.Text(), HasSubstr("{code=\"OK\",model=\"a\"} 1\n"));
}

TEST_F(InferRequestEndTest, AnAnswerThatCannotBeWrittenIsNoAnswer) {
  request_.encoded = absl::ResourceExhaustedError("too large");
  const ModelTable::Admission kept =
      request_.Answer({.outputs = {}, .device = kCpu, .version = 1});
  EXPECT_THAT(*request_.ended, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(metrics_.Text(),
              HasSubstr("{code=\"RESOURCE_EXHAUSTED\",model=\"a\"} 1\n"));
}

}  // namespace
}  // namespace ferry::infer_request_test
