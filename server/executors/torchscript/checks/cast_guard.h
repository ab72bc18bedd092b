// GuardCasts() looks at what code casts before it is treated as that.
//
// LibTorch writes prim::unchecked_cast behind its own tests (x is not None,
// isinstance(x, T)), and runs it as nothing at all. A file may cast what it
// likes, and an attribute of the wrong class is a read beyond an object. So a
// cast that goes to no part of what the value is declared as is refused, and
// one that finds out which class an Any or Union is looks first, by an operator
// of ours, ferry::check_cast.
//
// Threads:  nobody runs or changes the unit meanwhile.
// Fails:    INVALID_ARGUMENT naming both types: when the file is read, or
//           thrown as a StatusError from the cast that runs.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_CAST_GUARD_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_CAST_GUARD_H_

#include <torch/csrc/jit/api/compilation_unit.h>

#include "absl/status/status.h"

namespace ferry {

// The operator's name, for those who look at names.
inline constexpr char kCastGuard[] = "ferry::check_cast";

// Casts that are guarded already are left as they are.
absl::Status GuardCasts(const torch::jit::CompilationUnit& unit);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_CAST_GUARD_H_
