// A ByteBudget is the memory that all requests and answers may take together,
// from the moment a request is looked at until its answer has left.
//
// The queue of a model bounds what waits for it; this bounds what all clients
// have here at a time, those included that do not fetch their answers.
//
// Owns:     a count. It outlives its Shares.
// Threads:  thread-safe; a Share one thread at a time.
// Units:    bytes.
// Fails:    RESOURCE_EXHAUSTED with the numbers.
// Limits:   the maximum it is made with.

#ifndef SERVER_RPC_BYTE_BUDGET_H_
#define SERVER_RPC_BYTE_BUDGET_H_

#include <atomic>
#include <cstdint>

#include "absl/status/status.h"

namespace ferry {

class ByteBudget {
 public:
  explicit ByteBudget(uint64_t bytes_max) : bytes_max_(bytes_max) {}
  ~ByteBudget();  // INVARIANT: no Share holds any.

  ByteBudget(const ByteBudget&) = delete;
  ByteBudget& operator=(const ByteBudget&) = delete;

  // What one call holds; its end gives it back.
  class [[nodiscard]] Share {
   public:
    explicit Share(ByteBudget& budget) : budget_(budget) {}
    ~Share();

    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // Makes it `bytes` in all, more or fewer; left as it was when refused.
    absl::Status Set(uint64_t bytes);
    uint64_t bytes() const { return bytes_; }

   private:
    ByteBudget& budget_;
    uint64_t bytes_ = 0;
  };

  uint64_t used_bytes() const { return used_bytes_; }

 private:
  const uint64_t bytes_max_;
  std::atomic<uint64_t> used_bytes_{0};
};

}  // namespace ferry

#endif  // SERVER_RPC_BYTE_BUDGET_H_
