// MoveQueue, without a model in sight: tasks that end, wait or stall when the
// test says so.

#include "server/registry/move_queue.h"

#include <future>
#include <latch>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::move_queue_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// What the test and the task it asked for have in common.
struct Script {
  explicit Script(int key_in = 0) : key(key_in) {}

  const int key;  // Equal keys answer one another; 0: none.
  std::optional<absl::StatusOr<MoveOutcome>> begin;
  bool park_once = false;  // GoOn waits for `resume` first.
  std::function<void()> resume;
  std::latch began{1};    // GoOn was called.
  std::promise<void> go;  // What GoOn waits for before it looks again.
  std::atomic<int> went_on{0};
  std::atomic<int> given_up{0};
};

class ScriptedTask final : public MoveTask {
 public:
  explicit ScriptedTask(Script& script) : script_(script) {}

  bool Answers(const MoveTask& other) const override {
    const auto& theirs = dynamic_cast<const ScriptedTask&>(other);
    return script_.key != 0 && script_.key == theirs.script_.key;
  }
  std::optional<absl::StatusOr<MoveOutcome>> Begin(
      std::function<void()> resume) override {
    script_.resume = std::move(resume);
    return script_.begin;
  }
  std::optional<absl::StatusOr<MoveOutcome>> GoOn(
      const MoveStop& stop) override {
    if (script_.went_on++ == 0) {
      script_.began.count_down();
      script_.go.get_future().wait();
    }
    if (stop.requested()) return stop.Why();
    if (std::exchange(script_.park_once, false)) return std::nullopt;
    return MoveOutcome{};
  }
  absl::StatusOr<MoveOutcome> GiveUp(const MoveStop& stop) override {
    ++script_.given_up;
    return stop.Why();
  }

 private:
  Script& script_;
};

struct Asker {
  std::promise<absl::Status> ended;
  MoveQueue::Ticket ticket;

  void Ask(MoveQueue& queue, Script& script) {
    ticket = queue.Ask("model \"a\"", std::make_unique<ScriptedTask>(script),
                       [this](const absl::StatusOr<MoveOutcome>& outcome) {
                         ended.set_value(outcome.status());
                       });
  }
  absl::Status Answer() { return ended.get_future().get(); }
};

TEST(MoveQueueTest, TellsWhatTheTaskSays) {
  MoveQueue queue({.moves_max = 1});
  Script script;
  script.go.set_value();
  Asker asker;
  asker.Ask(queue, script);
  EXPECT_THAT(asker.Answer(), IsOk());
}

TEST(MoveQueueTest, NothingToDoAndRefusalsAreToldAtOnce) {
  MoveQueue queue({.moves_max = 1});
  Script nothing;
  nothing.begin = MoveOutcome{};
  Asker first;
  first.Ask(queue, nothing);
  EXPECT_THAT(first.Answer(), IsOk());
  Script refused;
  refused.begin = absl::AbortedError("another move");
  Asker second;
  second.Ask(queue, refused);
  EXPECT_THAT(second.Answer(), StatusIs(StatusCode::kAborted));
  EXPECT_EQ(nothing.went_on + refused.went_on, 0);
}

TEST(MoveQueueTest, EqualTasksAreDoneOnce) {
  MoveQueue queue({.moves_max = 1, .waiters_max = 2});
  Script script(7);
  Script equal(7);
  Asker first;
  Asker second;
  Asker third;
  first.Ask(queue, script);
  second.Ask(queue, equal);
  third.Ask(queue, equal);
  const absl::Status refused = third.Answer();
  EXPECT_THAT(refused, StatusIs(StatusCode::kResourceExhausted));
  EXPECT_THAT(refused.message(),
              HasSubstr("model \"a\": 2 clients wait for this load already"));
  script.go.set_value();
  EXPECT_THAT(first.Answer(), IsOk());
  EXPECT_THAT(second.Answer(), IsOk());
  EXPECT_EQ(equal.went_on, 0);
}

// The one worker is free for another task meanwhile; and what has begun goes on
// before what has not.
TEST(MoveQueueTest, WhoWaitsHoldsNoWorkerAndGoesOnFirst) {
  MoveQueue queue({.moves_max = 1});
  Script waits;
  waits.park_once = true;
  waits.go.set_value();
  Script busy;
  Script last;
  last.go.set_value();
  Asker first;
  Asker second;
  Asker third;
  first.Ask(queue, waits);
  second.Ask(queue, busy);
  busy.began.wait();
  third.Ask(queue, last);
  waits.resume();
  EXPECT_EQ(waits.went_on, 1);
  EXPECT_EQ(last.went_on, 0);
  busy.go.set_value();
  EXPECT_THAT(first.Answer(), IsOk());
  EXPECT_EQ(waits.went_on, 2);
  EXPECT_THAT(second.Answer(), IsOk());
  EXPECT_THAT(third.Answer(), IsOk());
}

TEST(MoveQueueTest, ATaskThatIsResumedBeforeItWaitsIsNotForgotten) {
  MoveQueue queue({.moves_max = 1});
  Script script;
  script.park_once = true;
  Asker asker;
  asker.Ask(queue, script);
  script.began.wait();
  script.resume();  // It runs.
  script.go.set_value();
  EXPECT_THAT(asker.Answer(), IsOk());
  EXPECT_EQ(script.went_on, 2);
}

TEST(MoveQueueTest, ATaskThatNobodyWaitsForIsStopped) {
  MoveQueue queue({.moves_max = 1});
  Script runs;
  Script waits;
  Asker first;
  Asker second;
  first.Ask(queue, runs);
  runs.began.wait();
  second.Ask(queue, waits);
  second.ticket = {};
  EXPECT_THAT(second.Answer(), StatusIs(StatusCode::kCancelled));
  EXPECT_EQ(waits.given_up, 1);  // No worker had begun it.
  first.ticket = {};
  EXPECT_THAT(first.Answer(), StatusIs(StatusCode::kCancelled));
  runs.go.set_value();
  EXPECT_TRUE(queue.Drain(absl::InfiniteDuration()));
  EXPECT_EQ(runs.given_up, 0);
  EXPECT_EQ(waits.went_on, 0);
}

TEST(MoveQueueTest, AStoppedTaskThatWaitsGoesOnToItsEnd) {
  MoveQueue queue({.moves_max = 1});
  Script parked;
  parked.park_once = true;
  parked.go.set_value();
  Script after;
  after.go.set_value();
  Asker first;
  Asker second;
  first.Ask(queue, parked);
  second.Ask(queue, after);
  EXPECT_THAT(second.Answer(), IsOk());  // So the first one waits.
  first.ticket = {};
  EXPECT_THAT(first.Answer(), StatusIs(StatusCode::kCancelled));
  EXPECT_TRUE(queue.Drain(absl::InfiniteDuration()));
  EXPECT_EQ(parked.went_on, 2);
}

TEST(MoveQueueTest, ADrainStopsAllAndSaysWhy) {
  MoveQueue queue({.moves_max = 1});
  Script runs;
  Script waits;
  Asker first;
  Asker second;
  Asker late;
  first.Ask(queue, runs);
  runs.began.wait();
  second.Ask(queue, waits);
  EXPECT_FALSE(queue.Drain(absl::ZeroDuration()));
  EXPECT_THAT(second.Answer(), StatusIs(StatusCode::kUnavailable));
  Script too_late;
  late.Ask(queue, too_late);
  EXPECT_THAT(late.Answer(), StatusIs(StatusCode::kUnavailable));
  runs.go.set_value();
  EXPECT_THAT(first.Answer(), StatusIs(StatusCode::kUnavailable));
  EXPECT_TRUE(queue.Drain(absl::InfiniteDuration()));
}

TEST(MoveQueueTest, RefusesMoreThanMayWait) {
  MoveQueue queue({.moves_max = 1});
  Script runs;
  Asker first;
  first.Ask(queue, runs);
  runs.began.wait();
  std::vector<std::unique_ptr<Script>> scripts;
  std::vector<std::unique_ptr<Asker>> askers;
  for (size_t i = 0; i < MoveQueue::kNotBegunMax; ++i) {
    scripts.push_back(std::make_unique<Script>());
    scripts.back()->go.set_value();
    askers.push_back(std::make_unique<Asker>());
    askers.back()->Ask(queue, *scripts.back());
  }
  Script one_more;
  Asker refused;
  refused.Ask(queue, one_more);
  EXPECT_THAT(refused.Answer(), StatusIs(StatusCode::kResourceExhausted));
  runs.go.set_value();
  for (const auto& asker : askers) EXPECT_THAT(asker->Answer(), IsOk());
}

}  // namespace
}  // namespace ferry::move_queue_test
