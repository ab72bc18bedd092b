// Which threads a move's work is done by, as the kernel sees them.
//
// A move is held in the middle of its copy by a simulated device.

#include <compare>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <sched.h>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "server/base/mutex.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry::background_test {
namespace {

struct Standing {
  int policy;
  int nice;
  auto operator<=>(const Standing&) const = default;
};

// How this process's threads stand, by their names without their numbers.
std::map<std::string, std::set<Standing>> Standings() {
  std::map<std::string, std::set<Standing>> standings;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream comm(task.path() / "comm");
    std::string name;
    std::getline(comm, name);
    name = name.substr(0, name.find_last_not_of("-0123456789") + 1);
    const int thread = std::stoi(task.path().filename().string());
    standings[name].insert(
        {.policy = sched_getscheduler(thread),
         .nice = getpriority(PRIO_PROCESS, static_cast<id_t>(thread))});
  }
  return standings;
}

class BackgroundTest : public testing::Test {
 protected:
  void SetUp() override { SaveScaleModel(pool_.models / "twice.pt", 2); }

  // Calls `ended` from where its end is told.
  Mover::Ticket Load(const std::string& device, MoveDone ended) {
    return pool_.mover->Ask({.model = {.name = "twice"},
                             .destination = *Destination::Parse({device})},
                            std::move(ended));
  }

  TestPool pool_;
};

TEST_F(BackgroundTest, WhatCopiesAndBuildsStandsBehindWhatDecides) {
  pool_.sim(0).Inject({.kind = SimFault::Kind::kStall});
  std::promise<void> ended;
  const Mover::Ticket ticket =
      Load("sim:0", [&](const absl::StatusOr<MoveOutcome>& outcome) {
        EXPECT_THAT(outcome, IsOk());
        ended.set_value();
      });
  pool_.sim(0).faults().AwaitStall();
  auto standings = Standings();
  pool_.sim(0).faults().Release();
  ended.get_future().get();
  using Alike = std::set<Standing>;
  EXPECT_EQ(standings["transfer"], (Alike{{SCHED_IDLE, 0}}));
  EXPECT_EQ(standings["transfer-urgent"], (Alike{{SCHED_OTHER, 0}}));
  EXPECT_EQ(standings["builder"], (Alike{{SCHED_OTHER, 10}}));
  EXPECT_EQ(standings["mover"], (Alike{{SCHED_OTHER, 0}}));
}

// A thread that may be stopped anywhere must not hold what a lane waits for:
// the table's locks, or a client's connection.
TEST_F(BackgroundTest, NobodyIsToldByAThreadThatStandsBack) {
  Mutex mutex;
  std::set<int> policies;
  const auto told = [&] {
    const MutexLock lock(mutex);
    policies.insert(sched_getscheduler(0));
  };
  const ModelTable::Watch watch =
      pool_.table->WatchChanges([&](std::string_view) { told(); });
  std::promise<void> ended;
  const Mover::Ticket ticket =
      Load("sim:0", [&](const absl::StatusOr<MoveOutcome>& outcome) {
        EXPECT_THAT(outcome, IsOk());
        told();
        ended.set_value();
      });
  ended.get_future().get();
  EXPECT_THAT(pool_.Migrate("twice", {"sim:1"}), IsOk());
  EXPECT_THAT(pool_.Unload("twice"), IsOk());
  const MutexLock lock(mutex);
  EXPECT_EQ(policies, std::set<int>{SCHED_OTHER});
}

TEST_F(BackgroundTest, WhoWatchesIsToldHowFarAMoveIsWhileItCopies) {
  ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  pool_.sim(0).Inject({.kind = SimFault::Kind::kStall});
  std::promise<void> copying;
  bool told = false;
  const ModelTable::Watch watch =
      pool_.table->WatchChanges([&](std::string_view name) {
        const auto model = pool_.table->Get(name);
        if (told || !model.ok() || !model->move.has_value() ||
            model->move->step != MoveStep::kCopy) {
          return;
        }
        told = true;
        copying.set_value();
      });
  std::promise<void> ended;
  const Mover::Ticket ticket = pool_.mover->Ask(
      {.kind = MoveKind::kMigrate,
       .model = {.name = "twice"},
       .destination = *Destination::Parse({"sim:0"})},
      [&](const absl::StatusOr<MoveOutcome>&) { ended.set_value(); });
  pool_.sim(0).faults().AwaitStall();
  copying.get_future().get();  // While it stands still.
  pool_.sim(0).faults().Release();
  ended.get_future().get();
}

}  // namespace
}  // namespace ferry::background_test
