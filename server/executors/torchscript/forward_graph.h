// MakeForwardGraph() makes one flat graph of everything that forward calls.
//
// Submodules of one class share code, so only when all calls are inlined has
// each weight a place of its own: to bind constants, to see which attributes
// are written, and to run without a call for each layer. The module is in
// evaluation mode for good: `training` is false and its branches are gone.
//
// Threads:  any; the module's own graphs are only read.
// Fails:    throws a StatusError with UNIMPLEMENTED when a call cannot be
//           resolved before it is made, and what LibTorch's passes throw.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_FORWARD_GRAPH_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_FORWARD_GRAPH_H_

#include <memory>

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

namespace ferry {

// `self` is the module whose method `forward` is.
std::shared_ptr<torch::jit::Graph> MakeForwardGraph(
    const c10::IValue& self, const torch::jit::GraphFunction& forward);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_FORWARD_GRAPH_H_
