// MoveClaim: what the table shows while one holds a model, without a mover, a
// file or a device.

#include "server/registry/move_claim.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::move_claim_test {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

constexpr DeviceId kSim0{DeviceKind::kSim, 0};
constexpr DeviceId kSim1{DeviceKind::kSim, 1};

class MoveClaimTest : public testing::Test {
 protected:
  ~MoveClaimTest() override { table_.Clear(); }

  MoveClaim Begin(MoveKind kind, std::vector<DeviceId> devices = {}) {
    auto start =
        table_.BeginMove({.kind = kind,
                          .model = {.name = "a"},
                          .destination = {.devices = std::move(devices)}},
                         [this] { ++resumed_; });
    EXPECT_THAT(start.status(), IsOk());
    return *std::move(start->claim);
  }

  static std::unique_ptr<Residence> On(DeviceId device) {
    auto residence = std::make_unique<Residence>();
    residence->device = device;
    return residence;
  }

  // "a", version 3, without weights, on these devices.
  void Load(const std::vector<DeviceId>& devices) {
    MoveClaim claim = Begin(MoveKind::kLoad, devices);
    MoveClaim::Edit edit;
    edit.version = 3;
    edit.path = "a.pt";
    for (const DeviceId device : devices) edit.add.push_back(On(device));
    (void)claim.Publish(std::move(edit));
    (void)claim.End(absl::OkStatus(), true);
  }

  Metrics metrics_;
  ModelTable table_{metrics_, {.models_max = 2}};
  int resumed_ = 0;
};

TEST_F(MoveClaimTest, IsTheOnlyOneOfItsModel) {
  MoveClaim claim = Begin(MoveKind::kLoad, {kSim0});
  EXPECT_THAT(
      table_
          .BeginMove({.kind = MoveKind::kUnload, .model = {.name = "a"}}, [] {})
          .status(),
      StatusIs(StatusCode::kAborted));
  (void)claim.End(absl::CancelledError(""), false);
  EXPECT_THAT(
      table_.Get("a"),
      StatusIs(StatusCode::kNotFound));  // Nothing of it was worth remembering.
}

TEST_F(MoveClaimTest, ShowsTheProgressAndNothingElseBeforeItPublishes) {
  MoveClaim claim = Begin(MoveKind::kLoad);
  claim.mark().step = MoveStep::kCopy;
  claim.mark().done_bytes = 7;
  claim.Plan({Place::On(kSim0)}, 10);
  const auto shown = table_.Get("a");
  EXPECT_EQ(shown->state, ModelState::kLoading);
  EXPECT_EQ(shown->id.version, 0);
  ASSERT_TRUE(shown->move.has_value());
  EXPECT_THAT(shown->move->from, ElementsAre(Place::Disk()));
  EXPECT_THAT(shown->move->to, ElementsAre(Place::On(kSim0)));
  EXPECT_EQ(shown->move->step, MoveStep::kCopy);
  EXPECT_EQ(shown->move->done_bytes, 7);
  EXPECT_EQ(shown->move->total_bytes, 10);
  EXPECT_THAT(table_.Admit("a", 0), StatusIs(StatusCode::kFailedPrecondition));
  (void)claim.End(absl::DataLossError("torn"), true);
  EXPECT_EQ(table_.Get("a")->last_error, "torn");
}

TEST_F(MoveClaimTest, ChangesEverythingAtOnceWhenItPublishes) {
  Load({kSim0});
  EXPECT_THAT(table_.Get("a")->serving_on, ElementsAre(kSim0));
  EXPECT_EQ(table_.Get("a", 3)->id.version, 3);
  EXPECT_THAT(table_.Get("a", 2), StatusIs(StatusCode::kNotFound));

  MoveClaim claim = Begin(MoveKind::kMigrate, {kSim1});
  EXPECT_THAT(table_.Get("a")->move->from, ElementsAre(Place::On(kSim0)));
  MoveClaim::Edit edit;
  edit.add.push_back(On(kSim1));
  const MoveClaim::Retired retired = claim.Publish(std::move(edit));
  EXPECT_EQ(retired.residences.front()->device, kSim0);
  EXPECT_TRUE(claim.AwaitIdle(retired));
  EXPECT_THAT(claim.End(absl::OkStatus(), true).serving_on, ElementsAre(kSim1));
}

TEST_F(MoveClaimTest, ResumesWhenTheLastRunOnARetiredPlaceEnds) {
  Load({kSim0});
  std::optional<ModelTable::Admission> admission = *table_.Admit("a", 0);
  std::optional<ModelTable::Pin> pin = table_.PinOn(*admission, kSim0);
  MoveClaim claim = Begin(MoveKind::kMigrate, {kSim1});
  MoveClaim::Edit edit;
  edit.add.push_back(On(kSim1));
  const MoveClaim::Retired retired = claim.Publish(std::move(edit));
  EXPECT_FALSE(claim.AwaitIdle(retired));
  EXPECT_FALSE(table_.PinOn(*admission, kSim0));
  EXPECT_TRUE(table_.PinOn(*admission, kSim1));
  EXPECT_EQ(resumed_, 0);
  pin.reset();
  EXPECT_EQ(resumed_, 1);
  EXPECT_TRUE(claim.AwaitIdle(retired));
  (void)claim.End(absl::OkStatus(), true);
}

TEST_F(MoveClaimTest, NothingStartsWhileItIsPausedAndAllGoesOnAfterwards) {
  Load({kSim0});
  const auto admission = table_.Admit("a", 0);
  std::optional<ModelTable::Pin> pin = table_.PinOn(*admission, kSim0);
  MoveClaim claim = Begin(MoveKind::kMigrate, {kSim1});
  claim.Pause();
  EXPECT_TRUE(claim.paused());
  EXPECT_TRUE(admission->stands_still());
  EXPECT_FALSE(table_.PinOn(*admission, kSim0));
  EXPECT_FALSE(claim.AwaitIdle());
  pin.reset();
  EXPECT_EQ(resumed_, 1);
  EXPECT_TRUE(claim.AwaitIdle());
  claim.Reopen();
  EXPECT_FALSE(admission->stands_still());
  EXPECT_TRUE(table_.PinOn(*admission, kSim0));
  (void)claim.End(absl::CancelledError(""), true);
}

TEST_F(MoveClaimTest, AClosedModelTakesNoRequestAndIsGoneAfterTheLast) {
  Load({kSim0});
  std::optional<ModelTable::Admission> admission = *table_.Admit("a", 0);
  MoveClaim claim = Begin(MoveKind::kUnload);
  claim.Close();
  EXPECT_EQ(table_.Get("a")->state, ModelState::kLeaving);
  EXPECT_THAT(table_.Admit("a", 0), StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_FALSE(claim.AwaitIdle());
  admission.reset();
  EXPECT_EQ(resumed_, 1);
  EXPECT_TRUE(claim.AwaitIdle());
  MoveClaim::Edit edit;
  edit.unload = true;
  const MoveClaim::Retired retired = claim.Publish(std::move(edit));
  EXPECT_EQ(retired.residences.size(), 1);
  (void)claim.End(absl::OkStatus(), true);
  EXPECT_THAT(table_.Get("a"), StatusIs(StatusCode::kNotFound));
}

TEST_F(MoveClaimTest, AModelThatIsOnlyRememberedMakesRoom) {
  for (const char* name : {"b", "c"}) {
    auto start = table_.BeginMove(
        {.kind = MoveKind::kLoad, .model = {.name = name}}, [] {});
    (void)start->claim->End(absl::DataLossError("torn"), true);
  }
  EXPECT_THAT(table_.Get("b"), IsOk());
  Load({kSim0});
  EXPECT_THAT(table_.Get("b"), StatusIs(StatusCode::kNotFound));
  EXPECT_THAT(table_.Get("c"), IsOk());
}

TEST_F(MoveClaimTest, MoreModelsThanMayBeAreRefused) {
  MoveClaim first = Begin(MoveKind::kLoad);
  auto second = table_.BeginMove(
      {.kind = MoveKind::kLoad, .model = {.name = "b"}}, [] {});
  EXPECT_THAT(
      table_.BeginMove({.kind = MoveKind::kLoad, .model = {.name = "c"}}, [] {})
          .status(),
      StatusIs(StatusCode::kResourceExhausted));
  (void)first.End(absl::CancelledError(""), true);
  (void)second->claim->End(absl::CancelledError(""), true);
}

}  // namespace
}  // namespace ferry::move_claim_test
