#include "server/registry/move_queue.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"

namespace ferry {

struct MoveQueue::Ticket::Waiter {
  MoveDone done;
  std::atomic<bool> told{false};
  MoveQueue* queue = nullptr;
  Job* job = nullptr;  // Guarded by the queue's mutex; null once it ended.

  // Calls `done` unless somebody did.
  void Tell(const absl::StatusOr<MoveOutcome>& outcome) {
    if (!told.exchange(true)) done(outcome);
  }
};

// The task belongs to the thread that has it, the stop is thread-safe, and
// mutex_ guards the rest.
struct MoveQueue::Job {
  enum class State { kBeginning, kNotBegun, kRunning, kParked, kResumed };

  std::unique_ptr<MoveTask> task;
  MoveStop stop;
  std::vector<std::shared_ptr<Ticket::Waiter>> waiters;
  State state = State::kBeginning;
  bool resume = false;     // Resumed before it was parked.
  bool abandoned = false;  // Nobody waits any more: nobody may join.
};

absl::Status MoveStop::Why() const {
  if (drains_) {
    return absl::UnavailableError(
        "the server is draining and the move was undone; use another");
  }
  return absl::CancelledError("the move was cancelled and undone");
}

MoveQueue::MoveQueue(Options options) : options_(options) {
  for (int i = 0; i < options_.moves_max; ++i) {
    workers_.push_back(std::make_unique<Worker>(absl::StrCat("mover-", i),
                                                [this] { RunLoop(); }));
  }
}

MoveQueue::~MoveQueue() {
  Drain(absl::InfiniteDuration());
  {
    MutexLock lock(mutex_);
    closed_ = true;
    ready_.NotifyAll();
  }
  workers_.clear();
}

MoveQueue::Ticket MoveQueue::Ask(const std::string& what,
                                 std::unique_ptr<MoveTask> task,
                                 MoveDone done) {
  auto waiter = std::make_shared<Ticket::Waiter>();
  waiter->done = std::move(done);
  waiter->queue = this;
  Job* job = nullptr;
  absl::Status refused;
  {
    MutexLock lock(mutex_);
    const auto same = std::ranges::find_if(jobs_, [&](const auto& other) {
      return !other->abandoned && other->task->Answers(*task);
    });
    if (same != jobs_.end()) {
      auto& waiters = (*same)->waiters;
      if (waiters.size() < options_.waiters_max) {
        waiters.push_back(waiter);
        waiter->job = same->get();
        return Ticket(std::move(waiter));
      }
      refused = absl::ResourceExhaustedError(absl::StrCat(
          what, ": ", waiters.size(),
          " clients wait for this load already, as many as may; GetModel tells "
          "how it goes"));
    } else if (draining_) {
      refused = absl::UnavailableError("the server is draining; use another");
    } else if (not_begun_.size() >= kNotBegunMax) {
      refused = absl::ResourceExhaustedError(absl::StrCat(
          not_begun_.size(), " moves are waiting already; back off"));
    } else {
      jobs_.push_back(std::make_shared<Job>());
      job = jobs_.back().get();
      job->task = std::move(task);
      job->waiters.push_back(waiter);
      waiter->job = job;
    }
  }
  if (!refused.ok()) {
    waiter->Tell(refused);
    return Ticket(std::move(waiter));
  }
  auto ended = job->task->Begin([this, job] {
    MutexLock lock(mutex_);
    Resume(*job);
  });
  if (!ended) {
    MutexLock lock(mutex_);
    if (!job->stop.requested()) {
      job->state = Job::State::kNotBegun;
      not_begun_.push_back(job);
      ready_.NotifyOne();
      return Ticket(std::move(waiter));
    }
  }
  End(*job, ended ? *std::move(ended) : job->task->GiveUp(job->stop));
  return Ticket(std::move(waiter));
}

void MoveQueue::RunLoop() {
  while (Job* const job = Take()) {
    if (auto ended = job->task->GoOn(job->stop)) {
      End(*job, *std::move(ended));
    } else {
      Park(*job);  // Another worker may have it from now on.
    }
  }
}

MoveQueue::Job* MoveQueue::Take() {
  MutexLock lock(mutex_);
  while (resumed_.empty() && not_begun_.empty()) {
    if (closed_) return nullptr;
    ready_.Wait(mutex_);
  }
  std::deque<Job*>& from = resumed_.empty() ? not_begun_ : resumed_;
  Job* const job = from.front();
  from.pop_front();
  job->state = Job::State::kRunning;
  return job;
}

void MoveQueue::Park(Job& job) {
  MutexLock lock(mutex_);
  job.state = Job::State::kParked;
  if (std::exchange(job.resume, false)) Resume(job);
}

void MoveQueue::Resume(Job& job) {
  if (job.state == Job::State::kParked) {
    job.state = Job::State::kResumed;
    resumed_.push_back(&job);
    ready_.NotifyOne();
  } else if (job.state == Job::State::kRunning) {
    job.resume = true;
  }
}

bool MoveQueue::TakeBack(Job& job) {
  if (job.state != Job::State::kNotBegun) return false;
  std::erase(not_begun_, &job);
  job.state = Job::State::kRunning;
  return true;
}

void MoveQueue::End(Job& job, const absl::StatusOr<MoveOutcome>& outcome) {
  std::vector<std::shared_ptr<Ticket::Waiter>> waiters;
  std::shared_ptr<Job> ended;
  {
    MutexLock lock(mutex_);
    const auto found =
        std::ranges::find(jobs_, &job, &std::shared_ptr<Job>::get);
    INVARIANT(found != jobs_.end());
    ended = std::move(*found);
    jobs_.erase(found);
    ++telling_;
    waiters.swap(job.waiters);
    for (const auto& waiter : waiters) waiter->job = nullptr;
  }
  ended->task.reset();
  for (const auto& waiter : waiters) waiter->Tell(outcome);
  MutexLock lock(mutex_);
  --telling_;
  told_.NotifyAll();
}

// First the stop, then the wake: a task that looks in between must not park
// for ever.
void MoveQueue::Stop(const std::vector<std::shared_ptr<Job>>& jobs) {
  for (const auto& job : jobs) job->stop.source_.request_stop();
  std::vector<Job*> not_begun;
  {
    MutexLock lock(mutex_);
    for (const auto& job : jobs_) {
      if (!job->stop.requested()) continue;
      if (TakeBack(*job)) {
        not_begun.push_back(job.get());
      } else {
        Resume(*job);
      }
    }
  }
  for (Job* job : not_begun) End(*job, job->task->GiveUp(job->stop));
}

void MoveQueue::GiveUp(Ticket::Waiter& waiter) {
  std::vector<std::shared_ptr<Job>> abandoned;
  {
    MutexLock lock(mutex_);
    Job* const job = std::exchange(waiter.job, nullptr);
    if (job == nullptr) return;
    std::erase_if(job->waiters,
                  [&](const auto& other) { return other.get() == &waiter; });
    if (!job->waiters.empty()) return;
    job->abandoned = true;
    abandoned.push_back(
        *std::ranges::find(jobs_, job, &std::shared_ptr<Job>::get));
  }
  Stop(abandoned);
}

bool MoveQueue::Drain(absl::Duration limit) {
  const absl::Duration until = MonotonicNow() + limit;
  std::vector<std::shared_ptr<Job>> jobs;
  {
    MutexLock lock(mutex_);
    draining_ = true;
    jobs = jobs_;
    for (const auto& job : jobs) {
      if (!job->abandoned) job->stop.drains_ = true;
    }
  }
  Stop(jobs);
  jobs.clear();
  MutexLock lock(mutex_);
  while (!jobs_.empty() || telling_ > 0) {
    const absl::Duration left = until - MonotonicNow();
    if (left <= absl::ZeroDuration()) return false;
    told_.WaitFor(mutex_, left);
  }
  return true;
}

MoveQueue::Ticket& MoveQueue::Ticket::operator=(Ticket&& other) noexcept {
  Ticket taken(std::move(other));
  std::swap(waiter_, taken.waiter_);
  return *this;  // `taken` gives up what this object waited for before.
}

MoveQueue::Ticket::~Ticket() {
  if (waiter_ == nullptr || waiter_->told) return;
  waiter_->queue->GiveUp(*waiter_);
  waiter_->Tell(absl::CancelledError("the client went away"));
}

}  // namespace ferry
