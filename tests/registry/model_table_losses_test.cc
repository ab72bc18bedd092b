// What a ModelTable does about devices that fail: simulated ones, of which a
// kernel asserts.

#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/registry/model_table.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry::model_table_losses_test {
namespace {

using absl::StatusCode;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ModelTableLossesTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(pool_.models / "twice.pt", 2);
    SaveScaleModel(pool_.models / "thrice.pt", 3);
  }

  void Load(const std::vector<std::string>& devices) {
    ASSERT_THAT(pool_.Load("twice", devices), IsOk());
  }
  // The next kernel on sim:0 asserts; its request sees that.
  void LoseSim0() {
    pool_.sim(0).Inject({.kind = SimFault::Kind::kAssert});
    const auto asserted = pool_.Run("twice", 3);
    EXPECT_THAT(asserted, StatusIs(StatusCode::kInternal));
    EXPECT_EQ(asserted.status().message(),
              "sim:0: a kernel asserted (injected)");
  }

  std::vector<std::string> lost_;
  TestPool pool_{
      "cpu=64MiB,sim:0=16MiB,sim:1=16MiB",
      {.lost = [this](DeviceId device, const absl::Status& why) {
        lost_.push_back(device.ToString() + " " + std::string(why.message()));
      }}};
  ModelTable& table_ = *pool_.table;
  const DeviceId sim0_ = *DeviceId::Parse("sim:0");
  const DeviceId sim1_ = *DeviceId::Parse("sim:1");
};

TEST_F(ModelTableLossesTest, AModelGoesOnWhereItHasAnotherResidence) {
  Load({"sim:0", "sim:1"});
  std::ofstream(pool_.models / "broken.pt") << "not a model";
  EXPECT_THAT(pool_.Load("broken", {"sim:0"}),
              StatusIs(StatusCode::kInvalidArgument));
  const auto admission = table_.Admit("twice", 0);
  LoseSim0();
  EXPECT_THAT(table_.Where(*admission), ElementsAre(sim1_));
  EXPECT_FALSE(table_.PinOn(*admission, sim0_));
  EXPECT_EQ(*pool_.Run("twice", 3), 7);
  EXPECT_EQ(table_.Get("twice")->state, ModelState::kServing);
  EXPECT_THAT(table_.Get("twice")->serving_on, ElementsAre(sim1_));
  EXPECT_FALSE(table_.HasStranded());
}

TEST_F(ModelTableLossesTest, AModelWithoutAnotherIsParkedUntilItMoves) {
  Load({"sim:0"});
  LoseSim0();
  const auto refused = pool_.Run("twice", 3);
  EXPECT_THAT(refused, StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(refused.status().message(),
            "model \"twice\": no device that serves it works: sim:0: a kernel "
            "asserted (injected); MigrateModel carries it to another");
  EXPECT_THAT(table_.Admit("twice", 0), StatusIs(StatusCode::kUnavailable));
  EXPECT_EQ(table_.Get("twice")->state, ModelState::kParked);
  EXPECT_THAT(table_.Get("twice")->serving_on, IsEmpty());
  EXPECT_TRUE(table_.HasStranded());

  ASSERT_THAT(pool_.Migrate("twice", {"cpu"}), IsOk());
  EXPECT_EQ(*pool_.Run("twice", 3), 7);
  EXPECT_FALSE(table_.HasStranded());
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0u);
}

TEST_F(ModelTableLossesTest, WhatWasAdmittedIsToldWhyItCannotRun) {
  Load({"sim:0"});
  const auto admission = table_.Admit("twice", 0);
  LoseSim0();
  EXPECT_THAT(table_.Where(*admission), IsEmpty());
  EXPECT_THAT(table_.WhyNowhere(*admission),
              StatusIs(StatusCode::kUnavailable));
}

TEST_F(ModelTableLossesTest, NoMoveGoesToADeviceThatHasFailed) {
  Load({"sim:0"});
  LoseSim0();
  const std::string sentence = ": sim:0 has failed; choose another device";
  const auto stays = pool_.Migrate("twice", {"sim:0"});
  EXPECT_THAT(stays, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(stays.status().message(), "twice" + sentence);
  const auto load = pool_.Load("thrice", {"sim:0"});
  EXPECT_THAT(load, StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_EQ(load.status().message(), "thrice" + sentence);

  ASSERT_THAT(pool_.Migrate("twice", {"auto"}), IsOk());
  EXPECT_THAT(table_.Get("twice")->serving_on, ElementsAre(sim1_));
}

TEST_F(ModelTableLossesTest, AnUnloadGivesItsBytesBack) {
  Load({"sim:0"});
  LoseSim0();
  ASSERT_THAT(pool_.Unload("twice"), IsOk());
  EXPECT_FALSE(table_.HasStranded());
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0u);
}

TEST_F(ModelTableLossesTest, ALossIsToldOnceAndWatchersSeeItsModels) {
  Load({"sim:0", "sim:1"});
  ASSERT_THAT(pool_.Load("thrice", {"cpu"}), IsOk());
  std::vector<std::string> changed;
  const auto watch = table_.WatchChanges(
      [&](std::string_view name) { changed.emplace_back(name); });
  EXPECT_TRUE(table_.AskHealth(pool_.sim(0)));
  LoseSim0();
  EXPECT_FALSE(table_.AskHealth(pool_.sim(0)));
  EXPECT_TRUE(table_.AskHealth(pool_.sim(1)));
  EXPECT_THAT(lost_, ElementsAre("sim:0 sim:0: a kernel asserted (injected)"));
  EXPECT_THAT(changed, ElementsAre("twice"));
}

TEST_F(ModelTableLossesTest, AnAuditFindsADeviceThatFailedUnseen) {
  Load({"sim:0"});
  const auto admission = table_.Admit("twice", 0);
  const ModelTable::Pin pin = table_.PinOn(*admission, sim0_);
  pool_.sim(0).Inject({.kind = SimFault::Kind::kAssert});
  pool_.sim(0).RanKernel();
  EXPECT_THAT(lost_, IsEmpty());
  table_.Audit(pin);
  EXPECT_THAT(lost_, ElementsAre("sim:0 sim:0: a kernel asserted (injected)"));
}

TEST_F(ModelTableLossesTest, AMoveThatFailsTellsOfItsDevice) {
  Load({"cpu"});
  pool_.sim(1).Inject({.kind = SimFault::Kind::kFailDevice});
  EXPECT_THAT(pool_.Migrate("twice", {"sim:1"}),
              StatusIs(StatusCode::kInternal));
  EXPECT_THAT(lost_, ElementsAre(HasSubstr("sim:1: the device failed")));
  EXPECT_EQ(*pool_.Run("twice", 3), 7);
}

}  // namespace
}  // namespace ferry::model_table_losses_test
