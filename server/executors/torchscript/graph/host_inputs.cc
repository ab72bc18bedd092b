#include "server/executors/torchscript/graph/host_inputs.h"

#include <optional>
#include <set>
#include <utility>

#include <torch/csrc/jit/ir/constants.h>

#include "absl/strings/str_cat.h"

#include "server/executors/torch/tensor_needs.h"
#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

c10::Symbol FixedMark() {
  static const c10::Symbol mark = c10::Symbol::attr("ferry_fixed");
  return mark;
}

// The part of a flattened name that an element of a tuple has.
std::string PartOf(const c10::Type& tuple, size_t index) {
  const auto* type = tuple.castRaw<c10::TupleType>();
  return type != nullptr && type->schema()
             ? type->schema()->arguments()[index].name()
             : absl::StrCat(index);
}

class HostWalk {
 public:
  HostWalk(torch::jit::Graph& graph, const c10::FunctionSchema& schema)
      : graph_(graph), schema_(schema) {}

  std::vector<std::string> Run() {
    ForEachNode(graph_, [this](torch::jit::Node* node) {
      const c10::FunctionSchema* schema = node->maybeSchema();
      if (schema == nullptr) return;
      for (size_t i = 0; i < node->inputs().size(); ++i) {
        if (WantsHost(*schema, i)) Visit(node->input(i), {});
      }
    });
    FixDevices();
    return {names_.begin(), names_.end()};
  }

 private:
  // `parts` lead from the value to the tensor in it that is wanted.
  using Parts = std::vector<std::string>;

  void Visit(torch::jit::Value* value, const Parts& parts) {
    if (!seen_.insert({value, parts}).second) return;
    torch::jit::Node& node = *value->node();
    switch (node.kind()) {
      case c10::prim::Param:
        VisitBlockInput(value, parts);
        break;
      case c10::prim::If:
        for (torch::jit::Block* branch : node.blocks()) {
          Visit(branch->outputs()[value->offset()], parts);
        }
        break;
      case c10::prim::Loop:
        Visit(node.input(value->offset() + 2), parts);
        Visit(node.blocks()[0]->outputs()[value->offset() + 1], parts);
        break;
      case c10::prim::TupleUnpack:
        VisitPartOf(node.input(),
                    PartOf(*node.input()->type(), value->offset()), parts);
        break;
      case c10::prim::TupleIndex:
        if (const auto index = torch::jit::toIValue(node.input(1))) {
          VisitPartOf(node.input(0),
                      PartOf(*node.input(0)->type(),
                             static_cast<size_t>(index->toInt())),
                      parts);
        }
        break;
      case c10::prim::TupleConstruct:
        for (size_t i = 0; i < node.inputs().size() && !parts.empty(); ++i) {
          if (PartOf(*value->type(), i) != parts.front()) continue;
          Visit(node.input(i), Parts(parts.begin() + 1, parts.end()));
        }
        break;
      case c10::prim::ListConstruct:
        for (torch::jit::Value* element : node.inputs()) Visit(element, parts);
        break;
      case c10::prim::ListUnpack:
      case c10::prim::unchecked_cast:
      case c10::prim::unchecked_unwrap_optional:
        Visit(node.input(0), parts);
        break;
      case c10::aten::__getitem__:
        VisitElementOf(node, parts);
        break;
      default:
        if (node.kind().is_aten()) VisitOperator(node);
    }
  }

  void VisitPartOf(torch::jit::Value* whole, std::string part, Parts parts) {
    parts.insert(parts.begin(), std::move(part));
    Visit(whole, parts);
  }

  void VisitElementOf(torch::jit::Node& node, const Parts& parts) {
    torch::jit::Value* whole = node.input(0);
    if (whole->type()->kind() == c10::TypeKind::ListType) {
      Visit(whole, parts);
    } else if (whole->type()->kind() == c10::TypeKind::DictType) {
      const auto key = torch::jit::toIValue(node.input(1));
      if (key && key->isString()) VisitPartOf(whole, key->toStringRef(), parts);
    }
  }

  void VisitBlockInput(torch::jit::Value* value, const Parts& parts) {
    const size_t index = value->offset();
    torch::jit::Block* block = value->node()->owningBlock();
    if (torch::jit::Node* owner = block->owningNode()) {
      if (owner->kind() != c10::prim::Loop || index == 0) return;
      Visit(owner->input(index + 1), parts);
      Visit(block->outputs()[index], parts);
      return;
    }
    if (index == 0) return;  // Self.
    std::string name = schema_.arguments()[index].name();
    for (const std::string& part : parts) absl::StrAppend(&name, ".", part);
    names_.insert(std::move(name));
  }

  // Its result is where its tensors are, unless it says where, or another
  // tensor does.
  void VisitOperator(torch::jit::Node& node) {
    const c10::FunctionSchema* schema = node.maybeSchema();
    if (schema == nullptr || schema->name() == "aten::cpu" ||
        schema->name() == "aten::cuda") {
      return;
    }
    for (size_t i = 0; i < node.inputs().size(); ++i) {
      if (WantsHost(*schema, i)) return;  // Its own need, not its result's.
      const c10::Type& type = *node.input(i)->type();
      if (type.kind() == c10::TypeKind::DeviceObjType) {
        devices_.emplace(&node, i);
        return;
      }
    }
    const bool follows_other =
        node.kind() == c10::aten::type_as ||
        (node.kind() == c10::aten::to && schema->overload_name() == "other");
    if (follows_other) return;
    for (torch::jit::Value* input : node.inputs()) {
      if (CarriesTensors(*input->type())) Visit(input, {});
    }
  }

  // A constant of its own for each: the same one may be used elsewhere.
  void FixDevices() {
    for (const auto& [node, index] : devices_) {
      const auto device = torch::jit::toIValue(node->input(index));
      if (!device || !device->isDevice() || !device->toDevice().is_cpu()) {
        continue;
      }
      const torch::jit::WithInsertPoint before(node);
      torch::jit::Value* fixed = graph_.insertConstant(*device);
      fixed->node()->i_(FixedMark(), 1);
      node->replaceInput(index, fixed);
    }
  }

  torch::jit::Graph& graph_;
  const c10::FunctionSchema& schema_;
  std::set<std::pair<const torch::jit::Value*, Parts>> seen_;
  std::set<std::pair<torch::jit::Node*, size_t>> devices_;
  std::set<std::string> names_;
};

}  // namespace

std::vector<std::string> FindHostInputs(torch::jit::Graph& graph,
                                        const c10::FunctionSchema& schema) {
  return HostWalk(graph, schema).Run();
}

bool IsFixedDevice(const torch::jit::Node& constant) {
  return constant.kind() == c10::prim::Constant &&
         constant.hasAttribute(FixedMark());
}

}  // namespace ferry
