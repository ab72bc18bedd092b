#include "server/executors/loop_guard.h"

#include <stdexcept>
#include <utility>

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/custom_operator.h>

#include "server/executors/graph_walk.h"

namespace ferry {

namespace {

thread_local const std::stop_token* current_stop = nullptr;

void CheckStop(torch::jit::Stack&) {
  if (current_stop != nullptr && current_stop->stop_requested()) {
    throw std::runtime_error("stopped");
  }
}

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

StopScope::StopScope(std::stop_token stop)
    : stop_(std::move(stop)), former_(current_stop) {
  current_stop = &stop_;
}

StopScope::~StopScope() { current_stop = former_; }

}  // namespace ferry
