// LibTorchVersion() is the version of the LibTorch that this build is for.
//
// Threads:  any.

#ifndef SERVER_EXECUTORS_TORCH_TORCH_VERSION_H_
#define SERVER_EXECUTORS_TORCH_TORCH_VERSION_H_

#include <string_view>

namespace ferry {

// "2.11.0".
std::string_view LibTorchVersion();

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_TORCH_VERSION_H_
