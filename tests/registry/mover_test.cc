// Mover as its askers see it: joining, refusing, cancelling, draining.
//
// Moves are held where a test wants them by stalling a copy on the simulated
// device, never by time.

#include "server/registry/mover.h"

#include <algorithm>
#include <fstream>
#include <future>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "server/base/mutex.h"
#include "server/base/worker.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry::mover_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// One asked move: its ticket and its end.
struct Asked {
  std::promise<absl::StatusOr<MoveOutcome>> ended;
  std::future<absl::StatusOr<MoveOutcome>> end = ended.get_future();
  Mover::Ticket ticket;

  MoveDone done() {
    return [this](absl::StatusOr<MoveOutcome> outcome) {
      ended.set_value(std::move(outcome));
    };
  }
};

class MoverTest : public testing::Test {
 protected:
  void SetUp() override { SaveScaleModel(pool_.models / "twice.pt", 2); }

  static MoveRequest Spec(const std::string& device) {
    return {.model = {.name = "twice"},
            .destination = *Destination::Parse({device})};
  }

  // A load of "twice" onto sim:0 that stands still in the middle of its copy.
  std::unique_ptr<Asked> StalledLoad() {
    pool_.sim(0).Inject({.kind = SimFault::Kind::kStall});
    auto asked = std::make_unique<Asked>();
    asked->ticket = pool_.mover->Ask(Spec("sim:0"), asked->done());
    pool_.sim(0).faults().AwaitStall();
    return asked;
  }

  TestPool pool_;
};

TEST_F(MoverTest, LoadsAndSaysWhatItDid) {
  const auto outcome = pool_.Load("twice", {"sim:0"});
  ASSERT_THAT(outcome, IsOk());
  EXPECT_EQ(outcome->model.state, ModelState::kServing);
  EXPECT_THAT(outcome->model.serving_on,
              ElementsAre(*DeviceId::Parse("sim:0")));
  ASSERT_TRUE(outcome->report.has_value());
  EXPECT_THAT(outcome->report->from, ElementsAre(Place::Disk()));
  EXPECT_EQ(outcome->report->size_bytes, 2 * outcome->model.weight_bytes);
  EXPECT_TRUE(outcome->report->verified);
  EXPECT_EQ(*pool_.Run("twice", 3), 7);
}

TEST_F(MoverTest, LogsEachMoveThatEndedWell) {
  testing::internal::CaptureStderr();
  EXPECT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  EXPECT_THAT(pool_.Load("twice", {"cpu"}), IsOk());  // Nothing to do.
  EXPECT_THAT(pool_.Load("thrice", {"cpu"}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(pool_.Unload("twice"), IsOk());
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, HasSubstr("moved model=twice from=disk to=cpu bytes="));
  EXPECT_THAT(log, HasSubstr("moved model=twice from=cpu to=disk bytes=0"));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2) << log;
}

TEST_F(MoverTest, AnswersAtOnceWhenItServesThereAlready) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  const auto again = pool_.Load("twice", {"cpu"});
  ASSERT_THAT(again, IsOk());
  EXPECT_FALSE(again->report.has_value());
  EXPECT_FALSE(pool_.Migrate("twice", {"cpu"})->report.has_value());
}

TEST_F(MoverTest, RefusesALoadWhoseNameIsTaken) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  EXPECT_THAT(pool_.Load("twice", {"sim:0"}),
              StatusIs(absl::StatusCode::kAlreadyExists));
  SaveScaleModel(pool_.models / "other.pt", 3);
  EXPECT_THAT(pool_.Load("twice", {"cpu"}, "other.pt"),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(MoverTest, RefusesBadNamesAndUnknownModels) {
  EXPECT_THAT(pool_.Load("../twice", {"cpu"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(pool_.Load("thrice", {"cpu"}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(pool_.Migrate("thrice", {"cpu"}),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(pool_.Unload("thrice"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(pool_.table->Get("thrice"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(MoverTest, JoinsEqualLoadsIntoOne) {
  const auto first = StalledLoad();
  Asked second;
  second.ticket = pool_.mover->Ask(Spec("sim:0"), second.done());
  pool_.sim(0).faults().Release();
  EXPECT_THAT(first->end.get(), IsOk());
  EXPECT_THAT(second.end.get(), IsOk());
  EXPECT_EQ(pool_.mover->Moves().size(), 1);
}

TEST_F(MoverTest, JoinsLoadsThatNameTheirDevicesInAnotherOrder) {
  pool_.sim(0).Inject({.kind = SimFault::Kind::kStall});
  MoveRequest spec = Spec("sim:0");
  spec.destination = *Destination::Parse({"sim:0", "sim:1"});
  Asked first;
  first.ticket = pool_.mover->Ask(spec, first.done());
  pool_.sim(0).faults().AwaitStall();
  spec.destination = *Destination::Parse({"sim:1", "sim:0"});
  Asked second;
  second.ticket = pool_.mover->Ask(spec, second.done());
  pool_.sim(0).faults().Release();
  EXPECT_THAT(first.end.get(), IsOk());
  EXPECT_THAT(second.end.get(), IsOk());
  EXPECT_EQ(pool_.mover->Moves().size(), 1);
}

TEST_F(MoverTest, AbortsASecondMoveOfOneModel) {
  const auto first = StalledLoad();
  Asked second;
  second.ticket = pool_.mover->Ask(Spec("sim:1"), second.done());
  EXPECT_THAT(second.end.get(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(pool_.Unload("twice"), StatusIs(absl::StatusCode::kAborted));
  pool_.sim(0).faults().Release();
  EXPECT_THAT(first->end.get(), IsOk());
}

TEST_F(MoverTest, UndoesALoadThatNobodyWaitsForAnyMore) {
  auto asked = StalledLoad();
  asked->ticket = {};  // The client goes away.
  EXPECT_THAT(asked->end.get(), StatusIs(absl::StatusCode::kCancelled));
  pool_.sim(0).faults().Release();
  pool_.mover->Drain(absl::InfiniteDuration());  // Waits for the undoing.
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
  EXPECT_EQ(pool_.used_bytes("cpu"), 0);
  EXPECT_THAT(pool_.table->Get("twice"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(MoverTest, ALoadNeverJoinsOneThatIsBeingGivenUp) {
  for (int round = 0; round < 50; ++round) {
    auto first = StalledLoad();
    Asked second;
    {
      const Worker leaver("leaver", [&] { first->ticket = {}; });
      second.ticket = pool_.mover->Ask(Spec("sim:0"), second.done());
    }
    pool_.sim(0).faults().Release();
    const auto outcome = second.end.get();
    if (outcome.ok()) {
      ASSERT_THAT(pool_.Unload("twice"), IsOk());
    } else {
      EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kAborted));
    }
    while (pool_.table->Get("twice").ok()) std::this_thread::yield();
  }
}

TEST_F(MoverTest, GoesOnWhileOneOfTwoStillWaits) {
  auto first = StalledLoad();
  Asked second;
  second.ticket = pool_.mover->Ask(Spec("sim:0"), second.done());
  first->ticket = {};
  EXPECT_THAT(first->end.get(), StatusIs(absl::StatusCode::kCancelled));
  pool_.sim(0).faults().Release();
  EXPECT_THAT(second.end.get(), IsOk());
}

// The pool has two movers.
class BusyMoverTest : public MoverTest {
 protected:
  void SetUp() override {
    MoverTest::SetUp();
    for (int i = 0; i < 2; ++i) {
      const std::string name = absl::StrCat("busy", i);
      SaveScaleModel(pool_.models / (name + ".pt"), 2);
      pool_.sim(i).Inject({.kind = SimFault::Kind::kStall});
      MoveRequest spec = Spec(absl::StrCat("sim:", i));
      spec.model.name = name;
      busy_[i].ticket = pool_.mover->Ask(spec, busy_[i].done());
      pool_.sim(i).faults().AwaitStall();
    }
    queued_.ticket = pool_.mover->Ask(Spec("cpu"), queued_.done());
  }
  void TearDown() override {
    for (int i = 0; i < 2; ++i) {
      pool_.sim(i).faults().Release();
      (void)busy_[i].end.get();
    }
  }

  Asked busy_[2];
  Asked queued_;
};

TEST_F(BusyMoverTest, ForgetsAQueuedMoveAtOnceWhenItsClientLeaves) {
  EXPECT_EQ(pool_.table->Get("twice")->state, ModelState::kLoading);
  queued_.ticket = {};
  EXPECT_THAT(queued_.end.get(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(pool_.table->Get("twice"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(BusyMoverTest, ADrainEndsQueuedMovesAtOnce) {
  EXPECT_FALSE(pool_.mover->Drain(absl::ZeroDuration()));
  EXPECT_THAT(queued_.end.get(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(pool_.table->Get("twice"), StatusIs(absl::StatusCode::kNotFound));
}

// Three moves that have to wait for a request, in a pool of two movers. Each
// test begins and ends another one meanwhile, or never ends.
class WaitingMoverTest : public MoverTest {
 protected:
  struct Waiting {
    std::string model;
    Asked asked;
    ModelTable::Admission admission;
    ModelTable::Pin pin;
  };

  void SetUp() override {
    MoverTest::SetUp();
    ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  }

  // A model that serves on the cpu and has a request there.
  std::unique_ptr<Waiting> Serve(const std::string& name) {
    auto waiting = std::make_unique<Waiting>();
    waiting->model = name;
    EXPECT_THAT(pool_.Load(name, {"cpu"}), IsOk());
    waiting->admission = *pool_.table->Admit(name, 0);
    waiting->pin =
        pool_.table->PinOn(waiting->admission, *DeviceId::Parse("cpu"));
    return waiting;
  }
  void Migrate(Waiting& waiting) {
    waiting.asked.ticket =
        pool_.mover->Ask({.kind = MoveKind::kMigrate,
                          .model = {.name = waiting.model},
                          .destination = *Destination::Parse({"sim:0"})},
                         waiting.asked.done());
  }
  void AwaitStep(const std::string& name, MoveStep step) {
    while (pool_.table->Get(name)->move->step != step) {
      std::this_thread::yield();
    }
  }

  std::unique_ptr<Waiting> Draining(int i) {
    const std::string name = absl::StrCat("draining", i);
    SaveScaleModel(pool_.models / (name + ".pt"), 2);
    auto waiting = Serve(name);
    Migrate(*waiting);
    AwaitStep(name, MoveStep::kDrain);
    return waiting;
  }
  std::unique_ptr<Waiting> StandingStill(int i) {
    const std::string name = absl::StrCat("counter", i);
    SaveCounterModel(pool_.models / (name + ".pt"));
    auto waiting = Serve(name);
    Migrate(*waiting);
    while (!waiting->admission.stands_still()) std::this_thread::yield();
    return waiting;
  }
  std::unique_ptr<Waiting> Leaving(int i) {
    const std::string name = absl::StrCat("leaving", i);
    SaveScaleModel(pool_.models / (name + ".pt"), 2);
    auto waiting = Serve(name);
    waiting->asked.ticket =
        pool_.mover->Ask({.kind = MoveKind::kUnload, .model = {.name = name}},
                         waiting->asked.done());
    while (pool_.table->Get(name)->state != ModelState::kLeaving) {
      std::this_thread::yield();
    }
    return waiting;
  }
  static void End(Waiting& waiting) {
    waiting.pin = {};
    waiting.admission = {};
    EXPECT_THAT(waiting.asked.end.get(), IsOk());
  }

  // Each waits for requests; another move does not wait for them.
  void ExpectOthersMove(std::vector<std::unique_ptr<Waiting>> all) {
    EXPECT_THAT(pool_.Migrate("twice", {"sim:1"}), IsOk());
    for (const auto& waiting : all) End(*waiting);
  }
};

TEST_F(WaitingMoverTest, AMoveThatDrainsHoldsNoMover) {
  std::vector<std::unique_ptr<Waiting>> all;
  for (int i = 0; i < 3; ++i) all.push_back(Draining(i));
  ExpectOthersMove(std::move(all));
  EXPECT_EQ(pool_.table->Get("draining0")->serving_on,
            std::vector<DeviceId>{*DeviceId::Parse("sim:0")});
}

TEST_F(WaitingMoverTest, AStatefulModelThatStandsStillHoldsNoMover) {
  std::vector<std::unique_ptr<Waiting>> all;
  for (int i = 0; i < 3; ++i) all.push_back(StandingStill(i));
  ExpectOthersMove(std::move(all));
  EXPECT_EQ(pool_.table->Get("counter0")->serving_on,
            std::vector<DeviceId>{*DeviceId::Parse("sim:0")});
}

TEST_F(WaitingMoverTest, AnUnloadThatWaitsHoldsNoMover) {
  std::vector<std::unique_ptr<Waiting>> all;
  for (int i = 0; i < 3; ++i) all.push_back(Leaving(i));
  ExpectOthersMove(std::move(all));
  EXPECT_THAT(pool_.table->Get("leaving0"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(WaitingMoverTest, AStatefulModelGoesOnWhereItIsWhenItsMoveIsCancelled) {
  const auto waiting = StandingStill(0);
  const DeviceId cpu = *DeviceId::Parse("cpu");
  EXPECT_FALSE(pool_.table->PinOn(waiting->admission, cpu));
  waiting->asked.ticket = {};
  EXPECT_THAT(waiting->asked.end.get(), StatusIs(absl::StatusCode::kCancelled));
  // The request still runs.
  while (waiting->admission.stands_still()) std::this_thread::yield();
  EXPECT_TRUE(pool_.table->PinOn(waiting->admission, cpu));
  while (pool_.table->Get("counter0")->move.has_value()) {
    std::this_thread::yield();
  }
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
}

TEST_F(WaitingMoverTest, ADrainUndoesWhatWaitsToSwitchAndAwaitsWhatHas) {
  const auto still = StandingStill(0);
  const auto leaving = Leaving(1);
  const auto draining = Draining(2);
  EXPECT_FALSE(pool_.mover->Drain(absl::ZeroDuration()));
  EXPECT_THAT(still->asked.end.get(), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(leaving->asked.end.get(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_FALSE(pool_.mover->Drain(absl::ZeroDuration()));
  End(*draining);
  EXPECT_TRUE(pool_.mover->Drain(absl::InfiniteDuration()));
}

TEST_F(MoverTest, KeepsServingWhenAMigrationIsCancelled) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  pool_.sim(0).Inject({.kind = SimFault::Kind::kStall});
  Asked asked;
  asked.ticket =
      pool_.mover->Ask({.kind = MoveKind::kMigrate,
                        .model = {.name = "twice"},
                        .destination = *Destination::Parse({"sim:0"})},
                       asked.done());
  pool_.sim(0).faults().AwaitStall();
  EXPECT_EQ(pool_.table->Get("twice")->state, ModelState::kMigrating);
  EXPECT_EQ(*pool_.Run("twice", 3), 7);
  asked.ticket = {};
  pool_.sim(0).faults().Release();
  EXPECT_THAT(asked.end.get(), StatusIs(absl::StatusCode::kCancelled));
  pool_.mover->Drain(absl::InfiniteDuration());
  EXPECT_EQ(*pool_.Run("twice", 3), 7);
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
}

TEST_F(MoverTest, DrainsNoLongerThanItsLimit) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  const auto admission = pool_.table->Admit("twice", 0);
  ModelTable::Pin pin = pool_.table->PinOn(*admission, *DeviceId::Parse("cpu"));
  Asked asked;
  asked.ticket =
      pool_.mover->Ask({.kind = MoveKind::kMigrate,
                        .model = {.name = "twice"},
                        .destination = *Destination::Parse({"sim:0"})},
                       asked.done());
  while (pool_.table->Where(*admission).front() != *DeviceId::Parse("sim:0")) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(pool_.mover->Drain(absl::ZeroDuration()));
  EXPECT_FALSE(pool_.mover->Drain(absl::Milliseconds(1)));
  pin = {};
  EXPECT_TRUE(pool_.mover->Drain(absl::InfiniteDuration()));
  EXPECT_THAT(asked.end.get(), IsOk());
}

TEST_F(MoverTest, ADrainWaitsUntilEveryEndIsTold) {
  std::promise<void> telling;
  std::promise<void> hold;
  const Mover::Ticket ticket =
      pool_.mover->Ask(Spec("cpu"), [&](const absl::StatusOr<MoveOutcome>&) {
        telling.set_value();
        hold.get_future().get();
      });
  telling.get_future().get();
  EXPECT_FALSE(pool_.mover->Drain(absl::ZeroDuration()));
  hold.set_value();
  EXPECT_TRUE(pool_.mover->Drain(absl::InfiniteDuration()));
}

TEST_F(MoverTest, ADrainTellsThoseWhoWaitToUseAnother) {
  const auto asked = StalledLoad();
  // The stalled copy sees the stop only once it goes on.
  EXPECT_FALSE(pool_.mover->Drain(absl::ZeroDuration()));
  pool_.sim(0).faults().Release();
  const auto ended = asked->end.get();
  EXPECT_THAT(ended, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(ended.status().message(),
            "the server is draining and the move was undone; use another");
  EXPECT_TRUE(pool_.mover->Drain(absl::InfiniteDuration()));
  EXPECT_EQ(pool_.used_bytes("sim:0"), 0);
  EXPECT_EQ(pool_.used_bytes("cpu"), 0);
  EXPECT_THAT(pool_.table->Get("twice"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(MoverTest, RefusesMovesOnceDraining) {
  pool_.mover->Drain(absl::InfiniteDuration());
  EXPECT_THAT(pool_.Load("twice", {"cpu"}),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(MoverTest, RemembersWhyALoadFailed) {
  FILE* file = fopen((pool_.models / "broken.pt").c_str(), "w");
  fputs("not a model", file);
  fclose(file);
  EXPECT_THAT(pool_.Load("broken", {"cpu"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const auto model = pool_.table->Get("broken");
  ASSERT_THAT(model, IsOk());
  EXPECT_EQ(model->state, ModelState::kCold);
  EXPECT_THAT(model->last_error, HasSubstr("broken.pt"));
  EXPECT_THAT(pool_.table->Admit("broken", 0),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(pool_.Unload("broken"), IsOk());
  EXPECT_THAT(pool_.table->Get("broken"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(MoverTest, ForgetsALoadThatAskedForWhatCannotBe) {
  EXPECT_THAT(pool_.Load("twice", {"cpu"}, "../twice.pt"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(pool_.table->Get("twice"), StatusIs(absl::StatusCode::kNotFound));
}

TEST(MoverLimitTest, KnowsNoMoreModelsThanItsLimit) {
  TestPool pool("cpu=64MiB", {.models_max = 1});
  SaveScaleModel(pool.models / "a.pt", 2);
  SaveScaleModel(pool.models / "b.pt", 3);
  ASSERT_THAT(pool.Load("a", {"cpu"}), IsOk());
  EXPECT_THAT(pool.Load("b", {"cpu"}),
              StatusIs(absl::StatusCode::kResourceExhausted));
  ASSERT_THAT(pool.Unload("a"), IsOk());
  EXPECT_THAT(pool.Load("b", {"cpu"}), IsOk());
}

TEST(MoverLimitTest, SaysWhichRememberedModelMadeRoom) {
  TestPool pool("cpu=64MiB", {.models_max = 1});
  SaveScaleModel(pool.models / "a.pt", 2);
  std::ofstream(pool.models / "broken.pt") << "not a model";
  EXPECT_THAT(pool.Load("broken", {"cpu"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Mutex mutex;
  std::set<std::string> changed;
  const ModelTable::Watch watch =
      pool.table->WatchChanges([&](std::string_view name) {
        MutexLock lock(mutex);
        changed.emplace(name);
      });
  EXPECT_THAT(pool.Load("a", {"cpu"}), IsOk());
  MutexLock lock(mutex);
  EXPECT_EQ(changed, (std::set<std::string>{"a", "broken"}));
}

}  // namespace
}  // namespace ferry::mover_test
