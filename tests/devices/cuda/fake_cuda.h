// FakeCuda is the part of CUDA's runtime that the plugin calls, in host memory.
//
// It makes CudaDevice testable without a GPU, and is stricter than one: a copy
// happens as late as it may, when somebody waits for it, so a missing wait or a
// buffer used too early shows every time; device memory cannot be touched by
// the host; an asynchronous copy whose host side is not page-locked, or runs
// over two registrations, stops the test.
//
// Threads:  thread-safe, by one lock around everything.
// Units:    bytes.

#ifndef TESTS_DEVICES_CUDA_FAKE_CUDA_H_
#define TESTS_DEVICES_CUDA_FAKE_CUDA_H_

#include <cstdint>
#include <cuda_runtime_api.h>
#include <set>

namespace ferry {

class FakeCuda {
 public:
  struct Options {
    int devices = 1;
    bool driver = true;
    uint64_t memory_bytes = uint64_t{128} << 20;         // Of each device.
    uint64_t page_lock_bytes_max = uint64_t{256} << 20;  // Of the host.
  };

  // Starts over; nothing of the former runtime may be in use.
  static void Start(const Options& options);

  // The context of `device` ends, as after an illegal address in a kernel.
  static void End(int device);

  // The next cudaMemcpyAsync answers this, once.
  static void FailNextCopy(cudaError_t error);

  // The devices on which a context was made.
  static std::set<int> contexts();

  static uint64_t page_locked_bytes();
  static uint64_t registered_ranges();
  static uint64_t copies();      // Enqueued, of any kind.
  static int streams();          // Alive.
  static uint64_t used_bytes();  // Of all devices.
};

}  // namespace ferry

#endif  // TESTS_DEVICES_CUDA_FAKE_CUDA_H_
