// StartLibTorch() and TryLibTorchOn() make LibTorch ready to run programs.
//
// Threads:  the thread that starts the daemon.
// Fails:    FAILED_PRECONDITION when LibTorch has no kernels for a device.

#ifndef SERVER_EXECUTORS_TORCH_START_LIBTORCH_H_
#define SERVER_EXECUTORS_TORCH_START_LIBTORCH_H_

#include "absl/status/status.h"

#include "server/devices/device.h"

namespace ferry {

// LibTorch's process-wide settings and its one-time costs: call once, before
// the first Program, from the thread that starts the daemon, and after the
// devices are open: LibTorch decides at its first convolution, for the life of
// the process, whether there is CUDA. `intra_op_threads` is the number of
// threads one operator may use.
void StartLibTorch(int intra_op_threads);

// Runs one small operator there, after StartLibTorch (and SimBackend): what
// LibTorch sets up at its first use of a GPU is not the first request's to pay,
// and a GPU that it has no kernels for is FAILED_PRECONDITION.
absl::Status TryLibTorchOn(const Device& device);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_START_LIBTORCH_H_
