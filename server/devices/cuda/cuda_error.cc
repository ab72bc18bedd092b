#include "server/devices/cuda/cuda_error.h"

#include "absl/strings/str_cat.h"

namespace ferry {

absl::Status CudaError(cudaError_t error, const std::string& device,
                       const char* action) {
  if (error == cudaSuccess) return absl::OkStatus();
  const std::string message =
      absl::StrCat(device, ": ", action, ": ", cudaGetErrorString(error), " (",
                   cudaGetErrorName(error), ")");
  switch (error) {
    case cudaErrorMemoryAllocation:
      return absl::ResourceExhaustedError(message);
    case cudaErrorInsufficientDriver:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorSystemNotReady:
    case cudaErrorCompatNotSupportedOnDevice:
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDevicesUnavailable:
    case cudaErrorNoKernelImageForDevice:
      return absl::FailedPreconditionError(message);
    default:
      return absl::InternalError(message);
  }
}

}  // namespace ferry
