// GuardLoops() makes loops that a file runs while it is loaded stoppable.
//
// A __setstate__ may loop for ever, and LibTorch has no way to end it. So each
// loop's body asks first whether the thread's StopScope was asked to stop, and
// throws if it was. The check is an operator, ferry::check_stop.
//
// Threads:  GuardLoops: nobody runs or changes the unit meanwhile. A StopScope
//           counts for the thread that made it.

#ifndef SERVER_EXECUTORS_LOOP_GUARD_H_
#define SERVER_EXECUTORS_LOOP_GUARD_H_

#include <stop_token>

#include <torch/csrc/jit/api/compilation_unit.h>

namespace ferry {

// Loops that are guarded already are left as they are.
void GuardLoops(const torch::jit::CompilationUnit& unit);

// Takes the checks out of a graph again.
void RemoveGuards(torch::jit::Graph& graph);

// What ferry::check_stop asks, on this thread, while this object lives.
class [[nodiscard]] StopScope {
 public:
  explicit StopScope(std::stop_token stop);
  ~StopScope();

  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

 private:
  const std::stop_token stop_;
  const std::stop_token* const former_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_LOOP_GUARD_H_
