// Router: which queue a request is in. The models of the table are names on
// names of devices; no lane runs, and who moves a model is the test.

#include "server/scheduling/router.h"

#include <list>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "server/devices/device_pool.h"
#include "tests/scheduling/bare_table.h"
#include "tests/scheduling/recorded_request.h"
#include "tests/support/status_matchers.h"

namespace ferry::router_test {
namespace {

using absl::StatusCode;

constexpr DeviceId kSim0{DeviceKind::kSim, 0};
constexpr DeviceId kSim1{DeviceKind::kSim, 1};

class RouterTest : public testing::Test {
 protected:
  // One more than the one before.
  RecordedRequest& Waits(const std::string& model) {
    RecordedRequest& request = requests_.emplace_back();
    models_.Admit(request, model);
    request.Submitted(absl::Seconds(++submitted_), CallCount::Call(accepted_));
    router_.Route(request);
    return request;
  }
  size_t Load(DeviceId device) { return router_.QueueOf(device).load(); }
  InferRequest* Pop(DeviceId device) {
    RequestQueue& queue = router_.QueueOf(device);
    if (queue.load() == 0) return nullptr;  // Pop would wait.
    InferRequest* request = queue.Pop();
    queue.Ran();
    return request;
  }
  ~RouterTest() override {
    for (InferRequest* request : router_.TakeAll()) {
      request->Fail(absl::UnavailableError("the end"));
    }
  }

  BareTable models_;
  std::unique_ptr<DevicePool> devices_ =
      *DevicePool::Create(*ParseDeviceSpecs("cpu=1MiB,sim:0=1MiB,sim:1=1MiB"));
  CallCount accepted_;
  Router router_{devices_->devices(), models_.table};
  std::list<RecordedRequest> requests_;
  int submitted_ = 0;
};

TEST_F(RouterTest, ARequestJoinsTheQueueOfItsModelsDevice) {
  models_.Load("a", {kSim1});
  RecordedRequest& request = Waits("a");
  EXPECT_EQ(Load(kSim1), 1);
  EXPECT_EQ(Pop(kSim1), &request);
  EXPECT_FALSE(request.ended.has_value());
}

TEST_F(RouterTest, OneOfAModelOnTwoDevicesJoinsTheShorterQueue) {
  models_.Load("busy", {kSim0});
  models_.Load("a", {kSim0, kSim1});
  for (int i = 0; i < 3; ++i) Waits("busy");
  for (int i = 0; i < 3; ++i) Waits("a");
  EXPECT_EQ(Load(kSim0), 3);
  EXPECT_EQ(Load(kSim1), 3);
}

TEST_F(RouterTest, ARequestFollowsItsModel) {
  models_.Load("a", {kSim0});
  RecordedRequest& request = Waits("a");
  models_.Migrate("a", {kSim1});
  EXPECT_EQ(Pop(kSim0), &request);
  router_.Follow(request);
  EXPECT_EQ(Pop(kSim1), &request);
}

TEST_F(RouterTest, ARequestWhoseModelMovesFasterIsAborted) {
  models_.Load("a", {kSim0});
  RecordedRequest& request = Waits("a");
  for (int i = 0; i < InferRequest::kFollowMax; ++i) {
    EXPECT_EQ(Pop(kSim0), &request);
    router_.Follow(request);
  }
  EXPECT_EQ(Pop(kSim0), &request);
  EXPECT_FALSE(request.ended.has_value());
  router_.Follow(request);
  EXPECT_THAT(*request.ended, StatusIs(StatusCode::kAborted));
  EXPECT_EQ(Load(kSim0), 0);
}

TEST_F(RouterTest, OneWhoseModelServesNowhereEnds) {
  models_.Load("a", {kSim0});
  RecordedRequest& request = Waits("a");
  EXPECT_EQ(Pop(kSim0), &request);
  MoveClaim claim = models_.Begin("a", MoveKind::kMigrate, {kSim1});
  BareTable::Publish(claim, {}, 0);
  router_.Follow(request);
  EXPECT_THAT(*request.ended, StatusIs(StatusCode::kFailedPrecondition));
  (void)claim.End(absl::OkStatus(), true);
}

TEST_F(RouterTest, OneThatLeavesWaitsNowhere) {
  models_.Load("a", {kSim0});
  RecordedRequest& request = Waits("a");
  EXPECT_TRUE(router_.Remove(request));
  EXPECT_FALSE(router_.Remove(request));
  EXPECT_EQ(Load(kSim0), 0);
  request.Fail(absl::CancelledError(""));
}

// "counter" stands still on the cpu, for a move to sim:0.
class StandingStillRouterTest : public RouterTest {
 protected:
  StandingStillRouterTest() {
    models_.Load("counter", {kCpu});
    models_.Load("other", {kSim0});
    watch_.emplace(models_.table.WatchChanges(
        [this](std::string_view) { router_.FollowAll(); }));
  }

  std::optional<ModelTable::Watch> watch_;
};

TEST_F(StandingStillRouterTest, ItsRequestsGoAlongInTheirOrder) {
  RecordedRequest& first = Waits("counter");
  RecordedRequest& second = Waits("counter");
  MoveClaim claim = models_.Begin("counter", MoveKind::kMigrate, {kSim0});
  claim.Pause();
  RecordedRequest& third = Waits("counter");
  EXPECT_EQ(Load(kCpu), 3);
  BareTable::Publish(claim, {kSim0}, 0);
  (void)claim.End(absl::OkStatus(), true);
  EXPECT_EQ(Load(kCpu), 0) << "they are no load of the device that they left";
  for (RecordedRequest* request : {&first, &second, &third}) {
    EXPECT_EQ(Pop(kSim0), request);
  }
}

TEST_F(StandingStillRouterTest, ItsRequestsKeepTheirPlaceAmongOthers) {
  MoveClaim claim = models_.Begin("counter", MoveKind::kMigrate, {kSim0});
  claim.Pause();
  RecordedRequest& before = Waits("other");
  RecordedRequest& waits = Waits("counter");
  RecordedRequest& after = Waits("other");
  BareTable::Publish(claim, {kSim0}, 0);
  (void)claim.End(absl::OkStatus(), true);
  for (RecordedRequest* request : {&before, &waits, &after}) {
    EXPECT_EQ(Pop(kSim0), request);
  }
}

TEST_F(StandingStillRouterTest, ItsRequestsWaitOnWhenItStays) {
  RecordedRequest& waits = Waits("counter");
  MoveClaim claim = models_.Begin("counter", MoveKind::kMigrate, {kSim0});
  claim.Pause();
  claim.Reopen();
  (void)claim.End(absl::CancelledError(""), true);
  EXPECT_EQ(Pop(kCpu), &waits);
}

}  // namespace
}  // namespace ferry::router_test
