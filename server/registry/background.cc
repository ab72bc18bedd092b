#include "server/registry/background.h"

#include <optional>
#include <utility>

#include "server/base/mutex.h"
#include "server/base/worker.h"

namespace ferry {

absl::Status RunInBackground(const std::function<absl::Status()>& work,
                             const std::function<void()>& meanwhile) {
  Mutex ended_mutex;
  CondVar ended;
  std::optional<absl::Status> status;
  const Worker builder("builder", Worker::Priority::kLow, [&] {
    absl::Status done = work();
    MutexLock lock(ended_mutex);
    status = std::move(done);
    ended.NotifyAll();
  });
  while (true) {
    {
      MutexLock lock(ended_mutex);
      if (!status) ended.WaitFor(ended_mutex, kTellInterval);
      if (status) return *std::move(status);
    }
    meanwhile();
  }
}

}  // namespace ferry
