// A CallCount is how many RPCs are under way that a shutdown waits for.
//
// gRPC would also wait for streams that never end by themselves (health
// watches, reflection); those may be cut off, an answer may not.
//
// Threads:  thread-safe. WaitForNone blocks one thread at a time.
// Units:    absl::Duration.

#ifndef SERVER_RPC_CALL_COUNT_H_
#define SERVER_RPC_CALL_COUNT_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

#include "server/base/mutex.h"

namespace ferry {

class CallCount {
 public:
  CallCount() = default;
  ~CallCount();  // INVARIANT: none under way.

  CallCount(const CallCount&) = delete;
  CallCount& operator=(const CallCount&) = delete;

  // One call, from its arrival until its answer has left.
  class [[nodiscard]] Call {
   public:
    explicit Call(CallCount& count) : count_(count) { ++count_.calls_; }
    ~Call() { count_.End(); }

    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    CallCount& count_;
  };

  // False when `limit` passed first.
  bool WaitForNone(absl::Duration limit);

 private:
  void End();

  std::atomic<int64_t> calls_{0};
  std::atomic<bool> waiting_{false};
  Mutex mutex_;
  CondVar none_;
};

}  // namespace ferry

#endif  // SERVER_RPC_CALL_COUNT_H_
