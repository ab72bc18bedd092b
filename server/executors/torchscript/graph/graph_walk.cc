#include "server/executors/torchscript/graph/graph_walk.h"

#include <algorithm>

namespace ferry {

namespace {

void Walk(torch::jit::Block* block,
          const std::function<void(torch::jit::Node*)>& visit) {
  // Steps on before the visit: the visitor may destroy the node.
  for (auto node = block->nodes().begin(); node != block->nodes().end();) {
    torch::jit::Node* current = *node;
    ++node;
    for (torch::jit::Block* inner : current->blocks()) Walk(inner, visit);
    for (const c10::Symbol name : current->attributeNames()) {
      if (current->kindOf(name) == torch::jit::AttributeKind::g) {
        Walk(current->g(name)->block(), visit);
      } else if (current->kindOf(name) == torch::jit::AttributeKind::gs) {
        for (const auto& graph : current->gs(name)) {
          Walk(graph->block(), visit);
        }
      }
    }
    visit(current);
  }
}

}  // namespace

void ForEachNode(torch::jit::Graph& graph,
                 const std::function<void(torch::jit::Node*)>& visit) {
  Walk(graph.block(), visit);
}

std::optional<std::vector<std::string>> AttributePath(
    const torch::jit::Graph& graph, const torch::jit::Value* value) {
  if (graph.inputs().empty()) return std::nullopt;
  std::vector<std::string> path;
  while (value != graph.inputs()[0]) {
    if (value->node()->kind() != c10::prim::GetAttr) return std::nullopt;
    path.push_back(value->node()->s(c10::attr::name));
    value = value->node()->input();
  }
  std::ranges::reverse(path);
  return path;
}

std::optional<c10::IValue> Follow(const c10::IValue& self,
                                  const std::vector<std::string>& path) {
  c10::IValue at = self;
  for (const std::string& name : path) {
    if (!at.isObject()) return std::nullopt;
    const auto slot = at.toObjectRef().type()->findAttributeSlot(name);
    if (!slot) return std::nullopt;
    at = at.toObjectRef().getSlot(*slot);
  }
  return at;
}

}  // namespace ferry
