// CheckInlining() refuses code that would burst when its calls are inlined.
//
// LibTorch runs a function by copying everything it calls into one graph, and
// so do we. Thirty functions that each call the next one twice are a billion
// nodes; a long chain of calls is as deep a recursion. Both are found by
// counting, before anything is copied.
//
// Threads:  any; nobody changes the unit meanwhile.
// Fails:    INVALID_ARGUMENT naming the function and the limit.
// Limits:   kInlinedNodesMax, kCallDepthMax.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_INLINE_CHECK_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_INLINE_CHECK_H_

#include <cstdint>

#include <torch/csrc/jit/api/compilation_unit.h>

#include "absl/status/status.h"

namespace ferry {

inline constexpr uint64_t kInlinedNodesMax = 2'000'000;
inline constexpr int kCallDepthMax = 256;

// Every function of the unit; all are compiled already.
absl::Status CheckInlining(const torch::jit::CompilationUnit& unit);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_INLINE_CHECK_H_
