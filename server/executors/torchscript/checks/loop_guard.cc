#include "server/executors/torchscript/checks/loop_guard.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

#include "server/executors/torch/stop_scope.h"
#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

void CheckStop(torch::jit::Stack&) { ThrowIfStopped(); }

c10::Symbol CheckStopKind() {
  // Registered for the life of the process, as LibTorch has it.
  static const torch::jit::RegisterOperators registered(
      {torch::jit::Operator("ferry::check_stop() -> ()", CheckStop,
                            c10::AliasAnalysisKind::CONSERVATIVE)});
  static const c10::Symbol kind =
      c10::Symbol::fromQualString("ferry::check_stop");
  return kind;
}

bool IsGuarded(torch::jit::Block* body) {
  return body->nodes().begin() != body->nodes().end() &&
         (*body->nodes().begin())->kind() == CheckStopKind();
}

}  // namespace

void GuardLoops(const torch::jit::CompilationUnit& unit) {
  for (torch::jit::Function* function : unit.get_functions()) {
    if (!function->isGraphFunction()) continue;
    const auto graph = torch::jit::toGraphFunction(*function).graph();
    ForEachNode(*graph, [&](torch::jit::Node* node) {
      if (node->kind() != c10::prim::Loop || IsGuarded(node->blocks()[0])) {
        return;
      }
      torch::jit::Node* check =
          node->owningGraph()->create(CheckStopKind(), /*num_outputs=*/0);
      node->blocks()[0]->prependNode(check);
    });
  }
}

void RemoveGuards(torch::jit::Graph& graph) {
  ForEachNode(graph, [](torch::jit::Node* node) {
    if (node->kind() == CheckStopKind()) node->destroy();
  });
}

}  // namespace ferry
