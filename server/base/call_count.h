// A CallCount is how many calls are under way, for whoever must wait until none
// is: a drain for requests, a shutdown for answers.
//
// Threads:  thread-safe. Once WaitForNone has said true and no call is new, it
//           may be destroyed.
// Units:    absl::Duration.

#ifndef SERVER_BASE_CALL_COUNT_H_
#define SERVER_BASE_CALL_COUNT_H_

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/time/time.h"

#include "server/base/mutex.h"

namespace ferry {

class CallCount {
 public:
  CallCount() = default;
  ~CallCount();  // INVARIANT: none under way.

  CallCount(const CallCount&) = delete;
  CallCount& operator=(const CallCount&) = delete;

  // One call, from its arrival until it has ended.
  class [[nodiscard]] Call {
   public:
    Call() = default;  // None.
    explicit Call(CallCount& count) : count_(&count) { ++count.calls_; }
    Call(Call&& other) noexcept
        : count_(std::exchange(other.count_, nullptr)) {}
    Call& operator=(Call&& other) noexcept {
      std::swap(count_, other.count_);
      return *this;
    }
    ~Call() {
      if (count_ != nullptr) count_->End();
    }

   private:
    CallCount* count_ = nullptr;
  };

  // False when `limit` passed first.
  bool WaitForNone(absl::Duration limit);

 private:
  void End();

  std::atomic<int64_t> calls_{0};  // Falls to zero with the mutex held.
  Mutex mutex_;
  CondVar none_;
};

}  // namespace ferry

#endif  // SERVER_BASE_CALL_COUNT_H_
