#include "server/transfer/chunk_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/base/clock.h"
#include "server/base/invariant.h"

namespace ferry {
namespace {

absl::Status Cancelled() { return absl::CancelledError("transfer cancelled"); }

}  // namespace

ChunkQueue::ChunkQueue(int workers, absl::Duration starved_after)
    : running_max_(workers > 2 ? workers - 1 : workers),
      starved_after_(starved_after) {
  INVARIANT(workers >= 1 && workers <= kWorkersMax);
  for (int index = 0; index < workers; ++index) {
    workers_.emplace_back(absl::StrCat("transfer-", index),
                          Worker::Priority::kBackground, [this] {
                            while (const auto taken = Take()) Do(*taken);
                          });
  }
  workers_.emplace_back("transfer-urgent", [this] {
    while (const auto taken = TakeWhenStarved()) Do(*taken);
  });
}

ChunkQueue::~ChunkQueue() {
  MutexLock lock(mutex_);
  INVARIANT(jobs_.empty());
  ending_ = true;
  job_added_.NotifyAll();
}

absl::Status ChunkQueue::Run(size_t count, const Work& work,
                             const std::stop_token& stop) {
  Job job{
      .count = count, .work = work, .stop = stop, .status = {}, .ended = {}};
  MutexLock lock(mutex_);
  if (job.HasMore()) {
    if (jobs_.empty()) moved_on_at_ = MonotonicNow();
    jobs_.push_back(&job);
    job_added_.NotifyAll();
  }
  while (!job.HasEnded()) {
    if (job.status.ok() && stop.stop_requested()) {
      job.status = Cancelled();
      std::erase(jobs_, &job);
    } else if (job.status.ok()) {
      job.ended.Wait(mutex_, stop);
    } else {
      job.ended.Wait(mutex_);
    }
  }
  return job.status;
}

std::optional<ChunkQueue::Taken> ChunkQueue::Take() {
  MutexLock lock(mutex_);
  while (!ending_) {
    if (const auto taken = Choose(/*urgent=*/false)) return taken;
    job_added_.Wait(mutex_);
  }
  return std::nullopt;
}

std::optional<ChunkQueue::Taken> ChunkQueue::TakeWhenStarved() {
  MutexLock lock(mutex_);
  while (!ending_) {
    if (jobs_.empty()) {
      job_added_.Wait(mutex_);
      continue;
    }
    const absl::Duration left = moved_on_at_ + starved_after_ - MonotonicNow();
    if (left <= absl::ZeroDuration()) return Choose(/*urgent=*/true);
    job_added_.WaitFor(mutex_, left);
  }
  return std::nullopt;
}

std::optional<ChunkQueue::Taken> ChunkQueue::Choose(bool urgent) {
  const auto chosen = std::ranges::min_element(
      jobs_, {}, [](const Job* job) { return job->running; });
  if (chosen == jobs_.end()) return std::nullopt;
  Job* job = *chosen;
  if (!urgent && job->running >= running_max_) return std::nullopt;
  jobs_.erase(chosen);
  const size_t index = job->next++;
  if (urgent) {
    job->urgent = true;
  } else {
    ++job->running;
  }
  if (job->HasMore()) jobs_.push_back(job);
  return Taken{.job = job, .index = index, .urgent = urgent};
}

void ChunkQueue::Finish(Taken taken, absl::Status status) {
  MutexLock lock(mutex_);
  Job& job = *taken.job;
  if (taken.urgent) {
    job.urgent = false;
  } else {
    --job.running;
  }
  moved_on_at_ = MonotonicNow();
  if (!status.ok() && job.status.ok()) {
    job.status = std::move(status);
    std::erase(jobs_, &job);
  }
  // Under the lock: as soon as it is free, Run may return and the job be gone.
  if (job.HasEnded()) job.ended.NotifyAll();
}

void ChunkQueue::Do(Taken taken) {
  const Job& job = *taken.job;
  Finish(taken,
         job.stop.stop_requested() ? Cancelled() : job.work(taken.index));
}

}  // namespace ferry
