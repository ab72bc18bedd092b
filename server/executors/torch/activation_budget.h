// The activation budget is how much host memory the code of all models may hold
// at a time, beside their weights.
//
// A simulated device has a budget of its own for activations, as a GPU has its
// memory; the kernels that it borrows from the cpu work in this one.
//
// Threads:  any; one budget for the process.
// Units:    bytes.
// Fails:    FAILED_PRECONDITION when nobody says how much memory there is.

#ifndef SERVER_EXECUTORS_TORCH_ACTIVATION_BUDGET_H_
#define SERVER_EXECUTORS_TORCH_ACTIVATION_BUDGET_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "server/devices/device.h"

namespace ferry {

struct ActivationUsage {
  uint64_t used_bytes = 0;
  uint64_t kept_bytes = 0;  // Free, for the next that asks: block_cache.h.
  uint64_t limit_bytes = 0;
};

// Of what is used and kept together, and of what is kept. Until this is called
// there is no limit, and nothing is kept.
void SetActivationLimit(uint64_t limit_bytes, uint64_t kept_max_bytes);
ActivationUsage ActivationsInUse();

// Three quarters of what `host_bytes` (HostMemoryBytes) leaves beside the
// weights of the cpu, and the weights and activations of simulated devices;
// where that is little, a sixteenth of all. The rest is the process's own:
// LibTorch, requests, answers.
absl::StatusOr<uint64_t> DefaultActivationLimit(
    uint64_t host_bytes, const std::vector<Device*>& devices);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_ACTIVATION_BUDGET_H_
