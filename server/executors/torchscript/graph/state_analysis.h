// AnalyseState() tells what running a graph writes to besides its own values.
//
// A model that writes its attributes or buffers in forward has state: requests
// take turns, it has one replica, and a move carries the state. What it writes
// must never be the weights themselves, of which there is one copy for all.
//
// Assignments are found by their operator (prim::SetAttr), writes in place by
// what the operators' schemas declare and AliasRoots, which errs on the side of
// "may be written".
//
// Threads:  any; nobody changes the graph meanwhile.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_STATE_ANALYSIS_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_STATE_ANALYSIS_H_

#include <memory>
#include <string>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>

namespace ferry {

struct StateFacts {
  // Requests depend on those before.
  bool stateful = false;
  // forward writes to the tensors that it is given.
  bool writes_inputs = false;
  // Attributes written in place, as paths from self.
  std::vector<std::vector<std::string>> written;
  // It cannot be told which attributes or constants are written.
  bool any_written = false;
};

// `graph` is a MakeForwardGraph(): flat, its first input is self.
StateFacts AnalyseState(const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_STATE_ANALYSIS_H_
