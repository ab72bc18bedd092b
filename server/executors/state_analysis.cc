#include "server/executors/state_analysis.h"

#include <utility>

#include <torch/csrc/jit/ir/alias_analysis.h>

#include "server/executors/graph_walk.h"

namespace ferry {

namespace {

// A value of this type is one tensor, not something that holds tensors.
bool IsTensor(const c10::Type& type) {
  return type.isSubtypeOf(*c10::OptionalType::ofTensor());
}

bool HoldsTensors(const c10::TypePtr& type) {
  if (type->kind() == c10::TypeKind::TensorType) return true;
  for (const c10::TypePtr& inner : type->containedTypes()) {
    if (HoldsTensors(inner)) return true;
  }
  return type->kind() == c10::TypeKind::AnyType ||
         type->kind() == c10::TypeKind::ClassType;
}

bool IsModule(const c10::Type& type) {
  const auto* cls = type.castRaw<c10::ClassType>();
  return cls != nullptr && cls->is_module();
}

class Analysis {
 public:
  explicit Analysis(const std::shared_ptr<torch::jit::Graph>& graph)
      : graph_(graph),
        // "Frozen": attributes of modules are things of their own, and not
        // suspected to be the inputs or one another.
        aliases_(graph, /*isFrozen=*/true) {}

  StateFacts Run() {
    for (size_t i = 1; i < graph_->inputs().size(); ++i) {
      if (aliases_.hasWriters(graph_->inputs()[i])) {
        facts_.writes_inputs = true;
      }
    }
    ForEachNode(*graph_, [&](torch::jit::Node* node) { Visit(*node); });
    // A tensor out of a container may be one that forward got as an input.
    if (container_read_ && unknown_written_) {
      facts_.stateful = true;
      facts_.any_written = true;
    }
    if (unknown_written_) facts_.writes_inputs = true;
    // What an attribute was assigned may be another attribute, and then
    // written through that name.
    if (assigned_ && !facts_.written.empty()) facts_.any_written = true;
    return std::move(facts_);
  }

 private:
  void Visit(const torch::jit::Node& node) {
    if (node.kind() == c10::prim::SetAttr) {
      facts_.stateful = true;
      assigned_ |= HoldsTensors(node.input(1)->type());
    } else if (node.kind() == c10::prim::GetAttr) {
      VisitAttribute(node);
    } else if (node.kind() == c10::prim::Constant) {
      if (aliases_.hasWriters(node.output())) {
        facts_.stateful = true;
        facts_.any_written = true;
      }
    } else if (TakesOut(node) && aliases_.hasWriters(&node)) {
      unknown_written_ = true;
    }
  }

  // The node's results are things that were in a list, dict, tuple or object.
  bool TakesOut(const torch::jit::Node& node) const {
    for (const torch::jit::Value* output : node.outputs()) {
      if (!HoldsTensors(output->type())) continue;
      for (const torch::jit::Value* input : node.inputs()) {
        if (!IsTensor(*input->type()) && HoldsTensors(input->type())) {
          return aliases_.hasWriters(output);
        }
      }
    }
    return false;
  }

  void VisitAttribute(const torch::jit::Node& node) {
    const torch::jit::Value* value = node.output();
    if (IsModule(*value->type()) || !HoldsTensors(value->type())) {
      // A list of numbers may be written, too.
      if (!IsModule(*value->type()) && aliases_.hasWriters(value)) {
        facts_.stateful = true;
      }
      return;
    }
    if (!IsTensor(*value->type())) container_read_ = true;
    if (!aliases_.hasWriters(value)) return;
    facts_.stateful = true;
    if (auto path = AttributePath(*graph_, value)) {
      facts_.written.push_back(*std::move(path));
    } else {
      facts_.any_written = true;
    }
  }

  const std::shared_ptr<torch::jit::Graph>& graph_;
  const torch::jit::AliasDb aliases_;
  StateFacts facts_;
  bool assigned_ = false;
  bool container_read_ = false;
  bool unknown_written_ = false;
};

}  // namespace

StateFacts AnalyseState(const std::shared_ptr<torch::jit::Graph>& graph) {
  return Analysis(graph).Run();
}

}  // namespace ferry
