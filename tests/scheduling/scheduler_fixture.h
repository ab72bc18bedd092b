// A SchedulerTest has "twice" on the cpu, and a Scheduler with one lane a
// device.
//
// Owns:     all of it.
// Threads:  one thread at a time but for what its parts allow.

#ifndef TESTS_SCHEDULING_SCHEDULER_FIXTURE_H_
#define TESTS_SCHEDULING_SCHEDULER_FIXTURE_H_

#include <memory>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "server/scheduling/scheduler.h"
#include "tests/scheduling/float_request.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"

namespace ferry {

class SchedulerTest : public testing::Test {
 protected:
  void SetUp() override {
    SaveScaleModel(pool_.models / "twice.pt", 2);
    SaveThrowingModel(pool_.models / "throwing.pt");
    ASSERT_THAT(pool_.Load("twice", {"cpu"}), IsOk());
  }

  void Submit(FloatRequest& request) {
    auto admission = pool_.table->Admit(request.model, 0);
    if (!admission.ok()) return request.Fail(admission.status());
    request.admission = *std::move(admission);
    scheduler_->Submit(request);
  }

  // Until it has left the queue for the only lane.
  void SubmitAndAwaitRun(FloatRequest& request) {
    Submit(request);
    while (pool_.table->Get(request.model)->queued_requests > 0) {
      std::this_thread::yield();
    }
  }

  TestPool pool_;
  std::unique_ptr<Scheduler> scheduler_ =
      std::make_unique<Scheduler>(pool_.devices->devices(), 1, *pool_.table);
};

}  // namespace ferry

#endif  // TESTS_SCHEDULING_SCHEDULER_FIXTURE_H_
