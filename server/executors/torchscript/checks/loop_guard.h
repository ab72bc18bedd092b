// GuardLoops() makes loops that a file runs while it is loaded stoppable.
//
// A __setstate__ may loop for ever, and LibTorch has no way to end it. So each
// loop's body asks first whether the thread's StopScope was asked to stop, and
// throws if it was (stop_scope.h). The check is an operator, ferry::check_stop.
//
// Threads:  nobody runs or changes the unit or the graph meanwhile.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_LOOP_GUARD_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_LOOP_GUARD_H_

#include <torch/csrc/jit/api/compilation_unit.h>

namespace ferry {

// Loops that are guarded already are left as they are.
void GuardLoops(const torch::jit::CompilationUnit& unit);

// Takes the checks out of a graph again.
void RemoveGuards(torch::jit::Graph& graph);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_LOOP_GUARD_H_
