// The steps of a move, each with what can go wrong in it.
//
// Faults come from the simulated devices; the invariant after every failure is
// the same: what served before serves, and every byte is back.

#include <array>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/base/worker.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry::move_test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class MoveTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(pool_.models / "twice.pt", 2);
    SaveScaleModel(pool_.models / "large.pt", 2, uint64_t{12} << 20);
    SaveCounterModel(pool_.models / "counter.pt");
  }

  void ExpectServes() { EXPECT_EQ(*pool_.Run("twice", 3), 7); }

  TestPool pool_;
};

TEST_F(MoveTest, GivesTheSameAnswersOnEveryDevice) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  for (const char* device : {"sim:0", "sim:1", "cpu", "sim:1", "sim:0"}) {
    ASSERT_THAT(pool_.Migrate("twice", {device}), IsOk());
    ExpectServes();
  }
}

TEST_F(MoveTest, ComesBackToTheCpuWithoutCopying) {
  ASSERT_THAT(pool_.Load("twice", {"sim:0"}), IsOk());
  const auto back = pool_.Migrate("twice", {"cpu"});
  ASSERT_THAT(back, IsOk());
  EXPECT_EQ(back->report->size_bytes, 0);
  EXPECT_TRUE(back->report->verified);
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
  ExpectServes();
}

TEST_F(MoveTest, ServesFromSeveralDevicesAtOnce) {
  ASSERT_THAT(pool_.Load("twice", {"cpu", "sim:0", "sim:1"}), IsOk());
  EXPECT_EQ(pool_.table->Get("twice")->serving_on.size(), 3);
  ASSERT_THAT(pool_.Migrate("twice", {"sim:1"}), IsOk());
  EXPECT_THAT(pool_.table->Get("twice")->serving_on,
              ElementsAre(*DeviceId::Parse("sim:1")));
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
  ExpectServes();
}

TEST_F(MoveTest, RefusesWhatDoesNotFitWithTheNumbers) {
  ASSERT_THAT(pool_.Load("large", {"sim:0"}), IsOk());
  SaveScaleModel(pool_.models / "larger.pt", 2, uint64_t{12} << 20);
  const auto refused = pool_.Load("larger", {"sim:0"});
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  const std::string image_bytes =
      absl::StrCat(pool_.table->Get("large")->weight_bytes, " bytes");
  const Arena::Usage usage = pool_.weights->usage(*DeviceId::Parse("sim:0"));
  EXPECT_THAT(
      std::string(refused.status().message()),
      AllOf(HasSubstr("sim:0: larger needs "), HasSubstr(image_bytes),
            HasSubstr(absl::StrCat(usage.capacity_bytes - usage.used_bytes,
                                   " bytes), at most")),
            HasSubstr(absl::StrCat(usage.capacity_bytes, " bytes); unload"))));
  EXPECT_EQ(pool_.used_bytes("cpu"),
            pool_.table->Get("large")->bytes.front().second);
}

TEST_F(MoveTest, UndoesAMoveToADeviceThatFailsInTheMiddle) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  pool_.sim(0).Inject({.kind = SimFault::Kind::kFailDevice, .after_bytes = 5});
  EXPECT_THAT(pool_.Migrate("twice", {"sim:0"}),
              StatusIs(absl::StatusCode::kInternal));
  ExpectServes();
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
  EXPECT_EQ(pool_.table->Get("twice")->state, ModelState::kServing);
  EXPECT_THAT(pool_.Migrate("twice", {"sim:0"}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(pool_.Migrate("twice", {"sim:1"}), IsOk());
}

TEST_F(MoveTest, RefillsADamagedChunkOnce) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  pool_.sim(0).Inject({.kind = SimFault::Kind::kCorrupt});
  const auto moved = pool_.Migrate("twice", {"sim:0"});
  ASSERT_THAT(moved, IsOk());
  EXPECT_EQ(moved->report->chunks_refilled, 1);
  ExpectServes();
}

TEST_F(MoveTest, ReportsDataLossWhenDamageStays) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  pool_.sim(0).Inject(
      {.kind = SimFault::Kind::kCorrupt, .count = SimFault::kForever});
  EXPECT_THAT(pool_.Migrate("twice", {"sim:0"}),
              StatusIs(absl::StatusCode::kDataLoss));
  ExpectServes();
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
}

TEST_F(MoveTest, CarriesTheStateOfAStatefulModel) {
  ASSERT_THAT(pool_.Load("counter", {"cpu"}), IsOk());
  EXPECT_TRUE(pool_.table->Get("counter")->stateful);
  float expected = 10;
  for (const char* device : {"sim:0", "sim:1", "cpu", "sim:0"}) {
    EXPECT_EQ(*pool_.Run("counter", 10), expected++);
    EXPECT_EQ(*pool_.Run("counter", 10), expected++);
    ASSERT_THAT(pool_.Migrate("counter", {device}), IsOk());
  }
  EXPECT_EQ(*pool_.Run("counter", 10), expected);
}

TEST_F(MoveTest, WarmsUpWithInputsThatRanForAMomentOnly) {
  const float x = 3;
  const std::vector<NamedValue> inputs = {
      {.name = "x",
       .value = {TensorView{.dtype = DType::kFloat32,
                            .shape = {1},
                            .bytes = std::as_bytes(std::span(&x, 1))}}}};
  const auto migrate_after = [&](absl::Duration run, int sim) {
    EXPECT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
    {
      const auto admission = pool_.table->Admit("twice", 0);
      const ModelTable::Pin pin = pool_.table->PinOn(*admission, DeviceId{});
      pool_.table->Learn(pin, run, inputs, inputs);
    }
    // The first kernel fails, and a move runs none but to warm up.
    pool_.sim(sim).Inject({.kind = SimFault::Kind::kAssert});
    const auto moved = pool_.Migrate("twice", {absl::StrCat("sim:", sim)});
    EXPECT_THAT(pool_.Unload("twice"), IsOk());
    return moved.status();
  };
  constexpr absl::Duration kMax = ModelTable::kExemplarRunMax;
  EXPECT_THAT(migrate_after(kMax, 0), Not(IsOk()));
  EXPECT_THAT(migrate_after(kMax + absl::Milliseconds(1), 1), IsOk());
}

// It had run in no time, where it was; on its new device it never ends.
TEST_F(MoveTest, AMoveThatIsCancelledStopsItsWarmUp) {
  SaveSlowModel(pool_.models / "slow.pt", 8, int64_t{1} << 50);
  ASSERT_THAT(pool_.Load("slow", {"cpu"}), IsOk());
  const float x = 3;
  const std::vector<NamedValue> inputs = {
      {.name = "x",
       .value = {TensorView{.dtype = DType::kFloat32,
                            .shape = {1},
                            .bytes = std::as_bytes(std::span(&x, 1))}}}};
  {
    const auto admission = pool_.table->Admit("slow", 0);
    const ModelTable::Pin pin = pool_.table->PinOn(*admission, DeviceId{});
    pool_.table->Learn(pin, absl::ZeroDuration(), inputs, inputs);
  }
  std::promise<void> warms_up;
  std::promise<void> ended;
  bool told = false;
  bool over = false;
  const auto watch = pool_.table->WatchChanges([&](std::string_view name) {
    const auto model = pool_.table->Get(name);
    if (!told && model->move.has_value()) {
      told = model->move->step == MoveStep::kWarmup;
      if (told) warms_up.set_value();
    } else if (told && !over && !model->move.has_value()) {
      over = true;
      ended.set_value();
    }
  });
  {
    const Mover::Ticket ticket = pool_.mover->Ask(
        {.kind = MoveKind::kMigrate,
         .model = {.name = "slow"},
         .destination = *Destination::Parse({"sim:0"})},
        [](const absl::StatusOr<MoveOutcome>& outcome) {
          EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kCancelled));
        });
    warms_up.get_future().wait();
  }
  ended.get_future().wait();
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
  EXPECT_EQ(pool_.table->Get("slow")->serving_on.front(), DeviceId{});
}

TEST_F(MoveTest, AStateThatDoesNotFitStaysWhereItWas) {
  SaveAssigningCounterModel(pool_.models / "assigning.pt");
  ASSERT_THAT(pool_.Load("assigning", {"cpu"}), IsOk());
  EXPECT_EQ(*pool_.Run("assigning", 10), 10);
  pool_.sim(0).Inject(
      {.kind = SimFault::Kind::kOutOfMemory, .count = SimFault::kForever});
  const auto moved = pool_.Migrate("assigning", {"sim:0"});
  EXPECT_THAT(moved, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(moved.status().message()), HasSubstr("sim:0"));
  EXPECT_EQ(*pool_.Run("assigning", 10), 11);
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
}

TEST_F(MoveTest, CountsTheCopiesOfWhatAModelMayWriteTo) {
  constexpr uint64_t kWeightBytes = uint64_t{1} << 20;
  SaveConstantCounterModel(pool_.models / "constant.pt", kWeightBytes);
  ASSERT_THAT(pool_.Load("constant", {"cpu"}), IsOk());
  const auto bytes = [&] { return pool_.table->Get("constant")->bytes; };
  ASSERT_EQ(bytes().size(), 1);
  EXPECT_GE(bytes()[0].second, 2 * kWeightBytes);
  EXPECT_EQ(pool_.used_bytes("cpu"), bytes()[0].second);
  EXPECT_EQ(*pool_.Run("constant", 10), 10);
  EXPECT_EQ(*pool_.Run("constant", 10), 11);

  ASSERT_THAT(pool_.Migrate("constant", {"sim:0"}), IsOk());
  EXPECT_EQ(*pool_.Run("constant", 10), 12);
  ASSERT_EQ(bytes().size(), 2);
  EXPECT_LT(bytes()[0].second, 2 * kWeightBytes);
  EXPECT_GE(bytes()[1].second, 2 * kWeightBytes);
  EXPECT_EQ(pool_.used_bytes("cpu"), bytes()[0].second);
  EXPECT_EQ(pool_.used_bytes("sim:0"), bytes()[1].second);

  ASSERT_THAT(pool_.Migrate("constant", {"cpu"}), IsOk());
  EXPECT_EQ(*pool_.Run("constant", 10), 13);
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
}

TEST_F(MoveTest, RefusesCopiesThatDoNotFitBesideTheWeights) {
  SaveConstantCounterModel(pool_.models / "constant.pt", uint64_t{12} << 20);
  ASSERT_THAT(pool_.Load("constant", {"cpu"}), IsOk());
  const auto refused = pool_.Migrate("constant", {"sim:0"});
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("sim:0: constant needs "));
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
  EXPECT_EQ(*pool_.Run("constant", 10), 10);
}

TEST_F(MoveTest, LeavesADeviceThatFailedUnderTheModel) {
  ASSERT_THAT(pool_.Load("twice", {"sim:0"}), IsOk());
  pool_.sim(0).Inject({.kind = SimFault::Kind::kFailDevice});
  {
    const auto probe = pool_.weights->Take(*DeviceId::Parse("sim:0"), 8);
    std::array<std::byte, 8> bytes{};
    EXPECT_THAT(pool_.sim(0).CopyOut(bytes, probe->data()),
                StatusIs(absl::StatusCode::kInternal));
  }
  const auto run = pool_.Run("twice", 3);
  EXPECT_THAT(run, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(std::string(run.status().message()), HasSubstr("sim:0"));
  ASSERT_THAT(pool_.Migrate("twice", {"sim:1"}), IsOk());
  ExpectServes();
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
}

TEST_F(MoveTest, GivesAStatefulModelOneDeviceOnly) {
  EXPECT_THAT(pool_.Load("counter", {"cpu", "sim:0"}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_THAT(pool_.Load("counter", {"cpu"}), IsOk());
  EXPECT_THAT(pool_.Migrate("counter", {"cpu", "sim:0"}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(MoveTest, CarriesWhatTheFilesOwnCodeMadeOfTheWeights) {
  SaveDoublingModel(pool_.models / "doubling.pt");
  ASSERT_THAT(pool_.Load("doubling", {"cpu"}), IsOk());
  EXPECT_EQ(*pool_.Run("doubling", 1), 3);
  ASSERT_THAT(pool_.Migrate("doubling", {"sim:0"}), IsOk());
  EXPECT_EQ(*pool_.Run("doubling", 1), 3);
  ASSERT_THAT(pool_.Migrate("doubling", {"cpu"}), IsOk());
  EXPECT_EQ(*pool_.Run("doubling", 1), 3);
}

TEST_F(MoveTest, WaitsForTheLastRunBeforeItFreesTheOldCopy) {
  ASSERT_THAT(pool_.Load("twice", {"sim:0"}), IsOk());
  const auto admission = pool_.table->Admit("twice", 0);
  ModelTable::Pin pin =
      pool_.table->PinOn(*admission, *DeviceId::Parse("sim:0"));
  std::promise<absl::StatusOr<MoveOutcome>> ended;
  auto end = ended.get_future();
  const Mover::Ticket ticket = pool_.mover->Ask(
      {.kind = MoveKind::kMigrate,
       .model = {.name = "twice"},
       .destination = *Destination::Parse({"sim:1"})},
      [&](absl::StatusOr<MoveOutcome> outcome) { ended.set_value(outcome); });
  // New requests go to the new place while the old one is still pinned.
  while (pool_.table->Where(*admission).front() != *DeviceId::Parse("sim:1")) {
    std::this_thread::yield();
  }
  EXPECT_GT(pool_.used_bytes("sim:0"), 0);
  ExpectServes();
  pin = {};
  EXPECT_THAT(end.get(), IsOk());
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
}

TEST_F(MoveTest, UnloadLetsAcceptedRequestsRunAndTakesNoMore) {
  ASSERT_THAT(pool_.Load("twice", {"sim:0"}), IsOk());
  auto admission =
      std::make_unique<ModelTable::Admission>(*pool_.table->Admit("twice", 0));
  std::promise<absl::StatusOr<MoveOutcome>> ended;
  auto end = ended.get_future();
  const Mover::Ticket ticket = pool_.mover->Ask(
      {.kind = MoveKind::kUnload, .model = {.name = "twice"}},
      [&](absl::StatusOr<MoveOutcome> outcome) { ended.set_value(outcome); });
  while (pool_.table->Get("twice")->state != ModelState::kLeaving) {
    std::this_thread::yield();
  }
  EXPECT_THAT(pool_.table->Admit("twice", 0),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(pool_.table->PinOn(*admission, *DeviceId::Parse("sim:0")));
  admission.reset();
  EXPECT_THAT(end.get(), IsOk());
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
  EXPECT_EQ(pool_.used_bytes("cpu"), 0);
}

TEST_F(MoveTest, AModelServesOnWhenItsUnloadIsCancelled) {
  ASSERT_THAT(pool_.Load("twice", {"sim:0"}), IsOk());
  const auto admission = pool_.table->Admit("twice", 0);
  Mover::Ticket ticket =
      pool_.mover->Ask({.kind = MoveKind::kUnload, .model = {.name = "twice"}},
                       [](const absl::StatusOr<MoveOutcome>&) {});
  while (pool_.table->Get("twice")->state != ModelState::kLeaving) {
    std::this_thread::yield();
  }
  ticket = {};
  while (pool_.table->Get("twice")->state != ModelState::kServing) {
    std::this_thread::yield();
  }
  ExpectServes();
  EXPECT_EQ(pool_.mover->Moves().front().status.code(),
            absl::StatusCode::kCancelled);
}

TEST_F(MoveTest, NothingIsLostUnderLoadWhileAModelMoves) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::atomic<int> right{0};
  {
    std::vector<std::unique_ptr<Worker>> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(std::make_unique<Worker>("client", [&] {
        while (!stop) {
          const auto answer = pool_.Run("twice", 3);
          ++(answer.ok() && *answer == 7 ? right : wrong);
        }
      }));
    }
    for (int i = 0; i < 60; ++i) {
      const char* device = i % 3 == 0 ? "sim:0" : i % 3 == 1 ? "sim:1" : "cpu";
      EXPECT_THAT(pool_.Migrate("twice", {device}), IsOk());
    }
    stop = true;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(right, 0);
}

}  // namespace
}  // namespace ferry::move_test
