// CudaError() says in our words what the CUDA runtime answered.
//
// Threads:  any.
// Fails:    RESOURCE_EXHAUSTED when memory is short; FAILED_PRECONDITION when
//           driver and libraries do not fit this machine; otherwise INTERNAL.

#ifndef SERVER_DEVICES_CUDA_CUDA_ERROR_H_
#define SERVER_DEVICES_CUDA_CUDA_ERROR_H_

#include <cuda_runtime_api.h>
#include <string>

#include "absl/status/status.h"

namespace ferry {

// OK for cudaSuccess. `device` and `action` are for the message.
absl::Status CudaError(cudaError_t error, const std::string& device,
                       const char* action);

}  // namespace ferry

#endif  // SERVER_DEVICES_CUDA_CUDA_ERROR_H_
