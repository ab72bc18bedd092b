#include "server/executors/torchscript/forward_graph.h"

#include <optional>
#include <string>

#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/autocast.h>
#include <torch/csrc/jit/passes/canonicalize_graph_fuser_ops.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>
#include <torch/csrc/jit/passes/peephole.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/executors/torch/torch_error.h"
#include "server/executors/torchscript/checks/loop_guard.h"
#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

constexpr int kInterfaceDepthMax = 64;

bool IsModuleClass(const c10::Type& type) {
  const auto* cls = type.castRaw<c10::ClassType>();
  return cls != nullptr && cls->is_module();
}

// The receiver of a call through an interface is an attribute whose object is
// known: gives it its class. True when a call became resolvable.
bool ResolveInterfaces(torch::jit::Graph& graph, const c10::IValue& self) {
  bool resolved = false;
  ForEachNode(graph, [&](torch::jit::Node* node) {
    if (node->kind() != c10::prim::CallMethod) return;
    torch::jit::Value* receiver = node->input(0);
    if (receiver->type()->kind() != c10::TypeKind::InterfaceType) return;
    const auto path = AttributePath(graph, receiver);
    const auto object = path ? Follow(self, *path) : std::nullopt;
    if (!object || !object->isObject()) return;
    receiver->setType(object->toObjectRef().type());
    resolved = true;
  });
  return resolved;
}

bool IsCallOfOurs(const torch::jit::Node& node) {
  if (node.kind() == c10::prim::CallFunction) return true;
  if (node.kind() != c10::prim::CallMethod) return false;
  const auto* cls = node.input(0)->type()->castRaw<c10::ClassType>();
  if (cls == nullptr) return true;
  const torch::jit::Function* method = cls->findMethod(node.s(c10::attr::name));
  return method == nullptr || method->isGraphFunction();
}

void RefuseCalls(torch::jit::Graph& graph) {
  ForEachNode(graph, [](torch::jit::Node* node) {
    if (!IsCallOfOurs(*node)) return;
    throw StatusError(absl::UnimplementedError(absl::StrCat(
        "forward calls ",
        node->hasAttribute(c10::attr::name) ? node->s(c10::attr::name)
                                            : std::string("a function"),
        " through a value that is only known when it runs")));
  });
}

void FoldTraining(torch::jit::Graph& graph) {
  bool written = false;
  const auto is_training = [](const torch::jit::Node& node) {
    return node.s(c10::attr::name) == "training" &&
           IsModuleClass(*node.input(0)->type());
  };
  ForEachNode(graph, [&](torch::jit::Node* node) {
    if (node->kind() == c10::prim::SetAttr) written |= is_training(*node);
  });
  if (written) return;
  ForEachNode(graph, [&](torch::jit::Node* node) {
    if (node->kind() != c10::prim::GetAttr || !is_training(*node) ||
        node->output()->type()->kind() != c10::TypeKind::BoolType) {
      return;
    }
    const torch::jit::WithInsertPoint before(node);
    node->output()->replaceAllUsesWith(graph.insertConstant(false));
    node->destroy();
  });
}

}  // namespace

std::shared_ptr<torch::jit::Graph> MakeForwardGraph(
    const c10::IValue& self, const torch::jit::GraphFunction& forward) {
  std::shared_ptr<torch::jit::Graph> graph = forward.graph()->copy();
  torch::jit::Inline(*graph);
  for (int depth = 0;
       depth < kInterfaceDepthMax && ResolveInterfaces(*graph, self); ++depth) {
    torch::jit::Inline(*graph);
  }
  RefuseCalls(*graph);
  RemoveGuards(*graph);
  FoldTraining(*graph);
  // What LibTorch does before it runs a graph (preoptimizeGraph and
  // runRequiredPasses of 2.11), but for ConstantPooling, which it has done to
  // every function by itself.
  torch::jit::PeepholeOptimize(graph, /*disable_shape_peepholes=*/true);
  torch::jit::ConstantPropagationImmutableTypes(graph);
  torch::jit::Autocast(graph);
  // A number that tracing wrote as a tensor becomes a number again: the types
  // of results depend on it.
  torch::jit::CanonicalizeOps(graph);
  torch::jit::EliminateDeadCode(graph);
  return graph;
}

}  // namespace ferry
