// A MoveQueue is who waits for which move, and which move is next.
//
// It knows no models: what is done for those who wait is a MoveTask. Equal
// tasks join; a task that nobody waits for any more is stopped; one that has to
// wait for something holds no thread, and whoever ends that resumes it, before
// tasks that have not begun, which would only take more memory.
//
// Owns:     its workers and the tasks, each until its end.
// Threads:  thread-safe. Its mutex is a leaf: nothing of a task is called with
//           it held but Answers. `done` is called exactly once: from a worker,
//           from Drain or a Ticket's end when no worker had begun the task, or
//           from Ask when there was nothing to do or it was refused.
// Fails:    through `done`: UNAVAILABLE while draining; RESOURCE_EXHAUSTED
//           beyond a limit; CANCELLED when the client went away; else what the
//           task says.
// Limits:   Options; kNotBegunMax tasks that no worker has begun.

#ifndef SERVER_REGISTRY_MOVE_QUEUE_H_
#define SERVER_REGISTRY_MOVE_QUEUE_H_

#include <atomic>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/base/mutex.h"
#include "server/base/worker.h"
#include "server/registry/model_state.h"

namespace ferry {

struct MoveOutcome {
  ModelSnapshot model;
  std::optional<MoveReport> report;  // Empty when there was nothing to do.
};
using MoveDone = std::function<void(absl::StatusOr<MoveOutcome>)>;

// How a task is told to end early, and why.
class MoveStop {
 public:
  bool requested() const { return source_.stop_requested(); }
  std::stop_token token() const { return source_.get_token(); }
  // CANCELLED, or UNAVAILABLE when the server drains.
  absl::Status Why() const;

 private:
  friend class MoveQueue;
  std::stop_source source_;
  std::atomic<bool> drains_{false};
};

class MoveTask {
 public:
  virtual ~MoveTask() = default;

  // Whoever asks for `other` may wait for this one instead.
  virtual bool Answers(const MoveTask& other) const = 0;

  // First, once, on the thread that asks. Nothing: it has begun, and goes on
  // later; else its end. `resume` may be called from any thread, with locks
  // held, until the task has ended.
  virtual std::optional<absl::StatusOr<MoveOutcome>> Begin(
      std::function<void()> resume) = 0;

  // Goes on to the end; or, nothing, to where it has to wait for `resume`. By
  // one worker at a time; more often than resumed, too.
  virtual std::optional<absl::StatusOr<MoveOutcome>> GoOn(
      const MoveStop& stop) = 0;

  // The end of one that has begun and never went on.
  virtual absl::StatusOr<MoveOutcome> GiveUp(const MoveStop& stop) = 0;
};

class MoveQueue {
 public:
  static constexpr size_t kNotBegunMax = 256;

  struct Options {
    int moves_max = 4;         // Workers.
    size_t waiters_max = 256;  // Clients that wait for one task.
  };
  explicit MoveQueue(Options options);
  ~MoveQueue();  // Drains without limit.

  MoveQueue(const MoveQueue&) = delete;
  MoveQueue& operator=(const MoveQueue&) = delete;

  // One client's wait. Destroying it before the end says that the client is
  // gone: `done` is then called with CANCELLED, from the destructor (unless a
  // worker is just calling it). Destroying it after the end does nothing; it
  // may be destroyed in `done`.
  class [[nodiscard]] Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept = default;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();

   private:
    friend class MoveQueue;
    struct Waiter;
    explicit Ticket(std::shared_ptr<Waiter> waiter)
        : waiter_(std::move(waiter)) {}
    std::shared_ptr<Waiter> waiter_;
  };

  // `what` begins the messages of those who cannot join: "model \"hello\"".
  Ticket Ask(const std::string& what, std::unique_ptr<MoveTask> task,
             MoveDone done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Refuses new tasks and stops all; then waits for their ends, told to all, or
  // until `limit` is over. True when none is left.
  bool Drain(absl::Duration limit) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Job;

  void RunLoop() ABSL_LOCKS_EXCLUDED(mutex_);
  Job* Take() ABSL_LOCKS_EXCLUDED(mutex_);
  void Park(Job& job) ABSL_LOCKS_EXCLUDED(mutex_);
  void Resume(Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // For the caller alone from now on; false when a worker has begun it.
  bool TakeBack(Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Stops those jobs that are still there; for those that may wait, and for
  // those that the caller took back.
  void Stop(const std::vector<std::shared_ptr<Job>>& jobs)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void End(Job& job, const absl::StatusOr<MoveOutcome>& outcome)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveUp(Ticket::Waiter& waiter) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;

  Mutex mutex_;
  CondVar ready_;  // There is something to take, or closed_.
  CondVar told_;   // A job's end has been told.
  std::vector<std::shared_ptr<Job>> jobs_ ABSL_GUARDED_BY(mutex_);
  std::deque<Job*> resumed_ ABSL_GUARDED_BY(mutex_);
  std::deque<Job*> not_begun_ ABSL_GUARDED_BY(mutex_);
  int telling_ ABSL_GUARDED_BY(mutex_) = 0;  // Ends that are being told.
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;

  std::vector<std::unique_ptr<Worker>> workers_;  // Joined first.
};

}  // namespace ferry

#endif  // SERVER_REGISTRY_MOVE_QUEUE_H_
