#include "server/executors/torchscript/graph/alias_roots.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <unordered_set>

#include "server/executors/torchscript/graph/fresh_results.h"
#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

// A list or dict that nobody had before, whatever is in it.
bool MakesContainer(const torch::jit::Node& node) {
  constexpr std::array<std::string_view, 7> kMakers = {
      "prim::ListConstruct", "prim::DictConstruct", "aten::copy", "aten::list",
      "aten::add",           "aten::mul",           "aten::slice"};
  return std::ranges::find(kMakers, node.kind().toQualString()) !=
         kMakers.end();
}

bool IsModule(const c10::Type& type) {
  const auto* cls = type.castRaw<c10::ClassType>();
  return cls != nullptr && cls->is_module();
}

}  // namespace

bool IsMutable(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::IntType:
    case c10::TypeKind::FloatType:
    case c10::TypeKind::BoolType:
    case c10::TypeKind::ComplexType:
    case c10::TypeKind::NumberType:
    case c10::TypeKind::StringType:
    case c10::TypeKind::NoneType:
    case c10::TypeKind::DeviceObjType:
    case c10::TypeKind::FunctionType:
    case c10::TypeKind::EnumType:
    case c10::TypeKind::GeneratorType:
      return false;
    default:
      return true;
  }
}

bool IsContainer(const c10::Type& type) {
  switch (type.kind()) {
    case c10::TypeKind::TensorType:
      return false;
    case c10::TypeKind::OptionalType:
      return IsContainer(*type.expectRef<c10::OptionalType>().getElementType());
    default:
      return IsMutable(type);
  }
}

AliasRoots::AliasRoots(torch::jit::Graph& graph) : graph_(graph) {
  ForEachNode(graph, [this](torch::jit::Node* node) { AddNode(*node); });
}

void AliasRoots::Link(const torch::jit::Value* from,
                      const torch::jit::Value* to) {
  if (IsMutable(*from->type()) && IsMutable(*to->type())) {
    links_[from].push_back(to);
  }
}

void AliasRoots::AddNode(torch::jit::Node& node) {
  switch (node.kind()) {
    case c10::prim::Constant:
    case c10::prim::GetAttr:
      break;
    case c10::prim::SetAttr:
      assigned_[node.s(c10::attr::name)].push_back(node.input(1));
      break;
    case c10::prim::If:
      AddBranches(node);
      break;
    case c10::prim::Loop:
      AddLoop(node);
      break;
    default:
      AddOperator(node);
  }
}

void AliasRoots::AddBranches(torch::jit::Node& node) {
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    for (torch::jit::Block* block : node.blocks()) {
      Link(node.output(i), block->outputs()[i]);
    }
  }
}

// Loop(max_trips, condition, carried...): the body takes (trip, carried...) and
// gives (condition, carried...).
void AliasRoots::AddLoop(torch::jit::Node& node) {
  torch::jit::Block* body = node.blocks()[0];
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    Link(node.output(i), node.input(i + 2));
    Link(node.output(i), body->outputs()[i + 1]);
    Link(body->inputs()[i + 1], node.input(i + 2));
    Link(body->inputs()[i + 1], body->outputs()[i + 1]);
  }
}

void AliasRoots::AddOperator(torch::jit::Node& node) {
  const c10::FunctionSchema* schema = node.maybeSchema();
  const bool declared =
      schema != nullptr && !schema->is_vararg() && !schema->is_varret();
  const bool fresh = declared && MakesFreshResults(node.kind().toQualString());
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    const bool is_new = fresh && schema->returns()[i].alias_info() == nullptr;
    for (const torch::jit::Value* input : node.inputs()) {
      // Of two lists add() makes a new one, of the tensors that were in them.
      const bool holds =
          IsContainer(*node.output(i)->type()) && IsContainer(*input->type());
      if (!is_new || holds) Link(node.output(i), input);
    }
  }
  if (!declared) return;
  // What a container is given may be taken out of it by any other name.
  bool fills = false;
  for (size_t i = 0; i < node.inputs().size(); ++i) {
    const auto* alias = schema->arguments()[i].alias_info();
    fills |= alias != nullptr && alias->isWrite() &&
             IsContainer(*node.input(i)->type());
  }
  if (!fills) return;
  for (const torch::jit::Value* input : node.inputs()) {
    if (IsMutable(*input->type())) stored_.push_back(input);
  }
}

void AliasRoots::AddRoot(const torch::jit::Value* value, Roots& roots) const {
  for (size_t i = 0; i < graph_.inputs().size(); ++i) {
    if (value != graph_.inputs()[i]) continue;
    if (i == 0) {
      roots.unknown = true;  // Self as a whole.
    } else {
      roots.input = true;
    }
  }
  if (value->node()->kind() == c10::prim::Constant) roots.constant = true;
}

AliasRoots::Roots AliasRoots::Find(const torch::jit::Value* value) const {
  return Follow(value, /*containers_only=*/false);
}

AliasRoots::Roots AliasRoots::FindContainer(
    const torch::jit::Value* value) const {
  if (MakesContainer(*value->node())) return {};
  return Follow(value, /*containers_only=*/true);
}

AliasRoots::Roots AliasRoots::Follow(const torch::jit::Value* value,
                                     bool containers_only) const {
  Roots roots;
  std::unordered_set<const torch::jit::Value*> seen;
  std::vector<const torch::jit::Value*> open;
  const auto visit = [&](const torch::jit::Value* next) {
    if (containers_only && !IsContainer(*next->type())) return;
    if (seen.insert(next).second) open.push_back(next);
  };
  visit(value);
  while (!open.empty()) {
    const torch::jit::Value* at = open.back();
    open.pop_back();
    const torch::jit::Node& node = *at->node();
    if (node.kind() == c10::prim::GetAttr) {
      const auto given = assigned_.find(node.s(c10::attr::name));
      if (given != assigned_.end()) {
        for (const torch::jit::Value* other : given->second) visit(other);
      }
      if (const auto path = AttributePath(graph_, at)) {
        roots.attributes.insert(*path);
      } else if (IsModule(*node.input(0)->type())) {
        roots.unknown = true;
      } else {
        visit(node.input(0));
      }
      continue;
    }
    AddRoot(at, roots);
    if (IsContainer(*at->type())) {
      for (const torch::jit::Value* other : stored_) visit(other);
    }
    if (const auto links = links_.find(at); links != links_.end()) {
      for (const torch::jit::Value* other : links->second) visit(other);
    }
  }
  return roots;
}

}  // namespace ferry
