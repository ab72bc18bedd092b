// A ChunkQueue lets a few workers do the chunks of many transfers in turn.
//
// The next chunk is of the transfer with the fewest chunks running, and among
// those of the one that was served longest ago: a small transfer is not stuck
// behind a large one, nor one on a fast link behind one on a slow link.
//
// The workers stand back behind threads that serve, and where every processor
// is busy they get next to nothing. So that a transfer ends all the same, one
// more worker, as urgent as all others, does a chunk whenever none has ended
// for `starved_after`: some 200 MB/s, for less than a tenth of a processor.
//
// Owns:     its workers. What Run is given is borrowed until it returns; every
//           Run returns before the queue dies.
// Threads:  thread-safe. Run blocks the caller; the workers do the chunks, in
//           the background of what serves: its mutex is theirs and the caller's
//           alone.
// Fails:    CANCELLED when `stop` asked for it; otherwise as the work fails.
// Limits:   kWorkersMax workers. With three or more, one transfer has at most
//           all but one of them (and the urgent one), so that a device that
//           hangs in a copy leaves one for the others.

#ifndef SERVER_TRANSFER_CHUNK_QUEUE_H_
#define SERVER_TRANSFER_CHUNK_QUEUE_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <optional>
#include <stop_token>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

#include "server/base/mutex.h"
#include "server/base/worker.h"

namespace ferry {

class ChunkQueue {
 public:
  static constexpr int kWorkersMax = 16;
  static constexpr absl::Duration kStarvedAfter = absl::Milliseconds(20);

  using Work = std::function<absl::Status(size_t index)>;

  explicit ChunkQueue(int workers,
                      absl::Duration starved_after = kStarvedAfter);
  ~ChunkQueue();

  ChunkQueue(const ChunkQueue&) = delete;
  ChunkQueue& operator=(const ChunkQueue&) = delete;

  // Does work(0) to work(count - 1), each once, in ascending order, several at
  // a time. The first error, or a stop, means that no further one begins.
  // Returns when none is running any more; at once when a stop comes before
  // the first one began.
  absl::Status Run(size_t count, const Work& work, const std::stop_token& stop)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Job {
    const size_t count;
    const Work& work;
    const std::stop_token& stop;

    // What mutex_ guards.
    size_t next = 0;
    int running = 0;      // By the workers.
    bool urgent = false;  // And one by the urgent one.
    absl::Status status;  // The first error.
    CondVar ended;

    bool HasMore() const { return status.ok() && next < count; }
    bool HasEnded() const { return running == 0 && !urgent && !HasMore(); }
  };
  struct Taken {
    Job* job;
    size_t index;
    bool urgent;
  };

  // Waits for a chunk, or until one is due although none ends; nothing when the
  // queue is to die.
  std::optional<Taken> Take() ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Taken> TakeWhenStarved() ABSL_LOCKS_EXCLUDED(mutex_);
  // The next chunk, if one may begin.
  std::optional<Taken> Choose(bool urgent)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Finish(Taken taken, absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);
  void Do(Taken taken) ABSL_LOCKS_EXCLUDED(mutex_);

  const int running_max_;  // Of one job.
  const absl::Duration starved_after_;

  Mutex mutex_;
  CondVar job_added_;
  // Those that have more chunks to take, the one served longest ago first.
  std::deque<Job*> jobs_ ABSL_GUARDED_BY(mutex_);
  // When a chunk ended, or the first job came.
  absl::Duration moved_on_at_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;

  std::list<Worker> workers_;  // Last: they use all of the above.
};

}  // namespace ferry

#endif  // SERVER_TRANSFER_CHUNK_QUEUE_H_
