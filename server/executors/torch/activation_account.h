// An ActivationAccount is how much host memory one model's code holds, and the
// most that it ever held at a time: activations, the answers that wait to be
// sent, the state of a stateful model.
//
// What a thread allocates through LibTorch while an ActivationScope is open on
// it is the scope's account's, whoever frees it, and when.
//
// Owns:     nothing; each block that is counted keeps its account alive, which
//           may be longer than the model.
// Threads:  ActivationAccount: thread-safe. A scope belongs to its thread.
// Units:    bytes.

#ifndef SERVER_EXECUTORS_TORCH_ACTIVATION_ACCOUNT_H_
#define SERVER_EXECUTORS_TORCH_ACTIVATION_ACCOUNT_H_

#include <atomic>
#include <cstdint>

#include <c10/util/intrusive_ptr.h>

namespace ferry {

class ActivationAccount final : public c10::intrusive_ptr_target {
 public:
  void Add(uint64_t size_bytes);
  void Remove(uint64_t size_bytes);

  uint64_t used_bytes() const { return used_bytes_; }
  uint64_t peak_bytes() const { return peak_bytes_; }

 private:
  std::atomic<uint64_t> used_bytes_{0};
  std::atomic<uint64_t> peak_bytes_{0};
};

// Scopes nest: the innermost counts. A thread that an operator starts for its
// own work (--intra-op-threads) has none, and what it allocates is nobody's.
class [[nodiscard]] ActivationScope {
 public:
  explicit ActivationScope(
      const c10::intrusive_ptr<ActivationAccount>& account);
  ~ActivationScope();

  ActivationScope(const ActivationScope&) = delete;
  ActivationScope& operator=(const ActivationScope&) = delete;

  // Of the calling thread; null without a scope.
  static ActivationAccount* account();

 private:
  ActivationAccount* const former_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_ACTIVATION_ACCOUNT_H_
