// SimFaults makes a simulated device go wrong when a test says so: out of
// memory, failing, corrupting and stalling copies, kernels that assert.
//
// Faults happen by the bytes that are copied, never by time, so a test that
// injects one sees the same thing in every run.
//
// Owns:     the faults that are still to happen, and how the device ended.
// Threads:  thread-safe. OnCopy() blocks while its copy is stalled.
// Units:    bytes.
// Fails:    INTERNAL once the device has failed, and for a copy told to fail.

#ifndef SERVER_DEVICES_SIM_FAULTS_H_
#define SERVER_DEVICES_SIM_FAULTS_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"

#include "server/base/mutex.h"

namespace ferry {

struct SimFault {
  enum class Kind {
    kOutOfMemory,  // An allocation is refused as if there were no room.
    kFailCopy,     // A copy carries nothing and fails; the device goes on.
    kFailDevice,   // A copy stops after `after_bytes`; the device has failed.
    kCorrupt,      // The middle byte of what a copy wrote has flipped bits.
    kStall,        // A copy waits for Release() before its first byte.
    kAssert,       // A kernel asserts, which it does not say itself, as on a
                   // GPU: the device has failed.
  };
  static constexpr int kForever = -1;

  Kind kind = Kind::kFailDevice;
  // How many allocations, copies or kernels in a row, or kForever.
  int count = 1;
  // The first copy that is hit carries this byte, counting every byte copied
  // in or out from the moment of Inject().
  uint64_t after_bytes = 0;
};

class SimFaults {
 public:
  // What is to happen to one copy.
  struct Verdict {
    absl::Status status;      // What it answers.
    uint64_t good_bytes = 0;  // How many bytes it carries.
    bool corrupt = false;     // Whether one of them arrives wrong.
  };

  explicit SimFaults(std::string device) : device_(std::move(device)) {}

  void Inject(SimFault fault) ABSL_LOCKS_EXCLUDED(mutex_);

  // Forgets the faults that are still to happen. A failed device stays so.
  void Clear() ABSL_LOCKS_EXCLUDED(mutex_);

  // Blocks until a copy is stalled.
  void AwaitStall() ABSL_LOCKS_EXCLUDED(mutex_);

  // Lets every stalled copy go on.
  void Release() ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether the next allocation is to be refused; counts it.
  bool OnAllocation() ABSL_LOCKS_EXCLUDED(mutex_);

  void OnKernel() ABSL_LOCKS_EXCLUDED(mutex_);

  // `size_bytes` is positive.
  Verdict OnCopy(uint64_t size_bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // OK, or how the device ended.
  absl::Status health() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Apply(const SimFault& fault, Verdict& verdict, bool& stall)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string device_;

  mutable Mutex mutex_;
  CondVar changed_;  // stalled_ or releases_.
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  std::vector<SimFault> faults_ ABSL_GUARDED_BY(mutex_);
  int stalled_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t releases_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace ferry

#endif  // SERVER_DEVICES_SIM_FAULTS_H_
