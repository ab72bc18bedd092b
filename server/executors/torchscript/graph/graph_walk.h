// ForEachNode() visits every node of a graph, inner blocks and attached graphs
// included; AttributePath() reads which attribute a value is.
//
// Threads:  any; nobody changes the graph meanwhile, but the visitor may
//           destroy the node that it is given.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_GRAPH_WALK_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_GRAPH_WALK_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <torch/csrc/jit/ir/ir.h>

namespace ferry {

void ForEachNode(torch::jit::Graph& graph,
                 const std::function<void(torch::jit::Node*)>& visit);

// {"encoder", "weight"} for a value that is self.encoder.weight, {} for self
// itself; nothing for values that are no chain of attributes.
std::optional<std::vector<std::string>> AttributePath(
    const torch::jit::Graph& graph, const torch::jit::Value* value);

// What the path leads to from `self`; nothing when there is no such attribute.
std::optional<c10::IValue> Follow(const c10::IValue& self,
                                  const std::vector<std::string>& path);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_GRAPH_WALK_H_
