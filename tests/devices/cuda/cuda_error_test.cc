// CudaError: which code each kind of CUDA error becomes, and what it says.

#include "server/devices/cuda/cuda_error.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::cuda_error_test {
namespace {

TEST(CudaErrorTest, KnowsSuccess) {
  EXPECT_THAT(CudaError(cudaSuccess, "cuda:0", "copy"), IsOk());
}

TEST(CudaErrorTest, TellsMemoryMachineAndGpuApart) {
  EXPECT_THAT(CudaError(cudaErrorMemoryAllocation, "cuda:0", "allocate"),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(CudaError(cudaErrorInsufficientDriver, "cuda:0", "open"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CudaError(cudaErrorNoDevice, "cuda:0", "open"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CudaError(cudaErrorSystemNotReady, "cuda:0", "open"),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(CudaError(cudaErrorIllegalAddress, "cuda:0", "copy"),
              StatusIs(absl::StatusCode::kInternal));
}

TEST(CudaErrorTest, NamesDeviceActionAndError) {
  const absl::Status status =
      CudaError(cudaErrorIllegalAddress, "cuda:3", "copy to the GPU");
  EXPECT_THAT(std::string(status.message()),
              testing::AllOf(testing::StartsWith("cuda:3: copy to the GPU"),
                             testing::HasSubstr("cudaErrorIllegalAddress")));
}

}  // namespace
}  // namespace ferry::cuda_error_test
