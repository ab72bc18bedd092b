#include "server/transfer/chunk_queue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"

namespace ferry {
namespace {

absl::Status Cancelled() { return absl::CancelledError("transfer cancelled"); }

}  // namespace

ChunkQueue::ChunkQueue(int workers)
    : running_max_(workers > 2 ? workers - 1 : workers) {
  INVARIANT(workers >= 1 && workers <= kWorkersMax);
  for (int index = 0; index < workers; ++index) {
    workers_.emplace_back(absl::StrCat("transfer-", index),
                          Worker::Priority::kBackground,
                          [this] { DoChunks(); });
  }
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
    const auto chosen = std::ranges::min_element(
        jobs_, {}, [](const Job* job) { return job->running; });
    if (chosen == jobs_.end() || (*chosen)->running >= running_max_) {
      job_added_.Wait(mutex_);
      continue;
    }
    Job* job = *chosen;
    jobs_.erase(chosen);
    const size_t index = job->next++;
    ++job->running;
    if (job->HasMore()) jobs_.push_back(job);
    return Taken{.job = job, .index = index};
  }
  return std::nullopt;
}

void ChunkQueue::Finish(Taken taken, absl::Status status) {
  MutexLock lock(mutex_);
  Job& job = *taken.job;
  --job.running;
  if (!status.ok() && job.status.ok()) {
    job.status = std::move(status);
    std::erase(jobs_, &job);
  }
  // Under the lock: as soon as it is free, Run may return and the job be gone.
  if (job.HasEnded()) job.ended.NotifyAll();
}

void ChunkQueue::DoChunks() {
  while (const std::optional<Taken> taken = Take()) {
    const Job& job = *taken->job;
    Finish(*taken,
           job.stop.stop_requested() ? Cancelled() : job.work(taken->index));
  }
}

}  // namespace ferry
