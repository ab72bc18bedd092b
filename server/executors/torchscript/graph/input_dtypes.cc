#include "server/executors/torchscript/graph/input_dtypes.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>

#include <torch/csrc/jit/ir/constants.h>

#include "server/executors/torch/tensor_needs.h"
#include "server/executors/torch/torch_types.h"
#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

// What is known of the dtype of a value, or of the tensors in it.
struct DtypeFact {
  enum class Kind {
    kNothing,
    kDtype,  // This one.
    kInput,  // The input's own.
    // A number, or a tensor without dimensions, which counts as one: it makes
    // others floating-point but no wider.
    kNumber,
  };
  Kind kind = Kind::kNothing;
  c10::ScalarType dtype = c10::ScalarType::Undefined;
  size_t input = 0;

  bool operator==(const DtypeFact&) const = default;
};

using FactKind = DtypeFact::Kind;

DtypeFact FactOfValue(const c10::IValue& value) {
  if (value.isTensor() && value.toTensor().defined()) {
    const at::Tensor& tensor = value.toTensor();
    return {.kind = tensor.dim() == 0 ? FactKind::kNumber : FactKind::kDtype,
            .dtype = tensor.scalar_type()};
  }
  if (!value.isTensorList() || value.toListRef().empty()) return {};
  const DtypeFact first = FactOfValue(value.toListRef()[0]);
  for (const c10::IValue& element : value.toListRef()) {
    if (FactOfValue(element) != first) return {};
  }
  return first;
}

// What operators said of one input.
struct InputDtypeTold {
  std::optional<c10::ScalarType> by_need[kDtypeNeeds];
  bool contradicted = false;
};

class DtypeWalk {
 public:
  DtypeWalk(torch::jit::Graph& graph, const c10::IValue& self)
      : graph_(graph), self_(self), told_(graph.inputs().size()) {
    for (size_t i = 1; i < graph.inputs().size(); ++i) {
      if (!CarriesTensors(*graph.inputs()[i]->type())) continue;
      facts_[graph.inputs()[i]] = {.kind = FactKind::kInput, .input = i};
    }
  }

  std::vector<std::optional<InputDtype>> Run() {
    Visit(graph_.block());
    std::vector<std::optional<InputDtype>> found;
    for (size_t i = 1; i < told_.size(); ++i) {
      found.push_back(Answer(told_[i]));
    }
    return found;
  }

 private:
  static std::optional<InputDtype> Answer(const InputDtypeTold& told) {
    if (told.contradicted) return std::nullopt;
    for (size_t need = 0; need < kDtypeNeeds; ++need) {
      if (!told.by_need[need]) continue;
      const auto dtype = FromScalarType(*told.by_need[need]);
      if (!dtype) return std::nullopt;
      return InputDtype{.dtype = *dtype, .need = static_cast<DtypeNeed>(need)};
    }
    return std::nullopt;
  }

  void Tell(const DtypeFact& fact, DtypeNeed need, c10::ScalarType dtype) {
    if (fact.kind != FactKind::kInput) return;
    InputDtypeTold& told = told_[fact.input];
    auto& known = told.by_need[static_cast<size_t>(need)];
    told.contradicted |=
        need == DtypeNeed::kExact && known.has_value() && *known != dtype;
    if (!known) known = dtype;
  }

  DtypeFact FactOf(const torch::jit::Value* value) const {
    const auto found = facts_.find(value);
    if (found != facts_.end()) return found->second;
    switch (value->type()->kind()) {
      case c10::TypeKind::IntType:
      case c10::TypeKind::BoolType:
        return {.kind = FactKind::kNumber, .dtype = c10::ScalarType::Long};
      case c10::TypeKind::FloatType:
      case c10::TypeKind::NumberType:
        return {.kind = FactKind::kNumber, .dtype = c10::ScalarType::Double};
      default:
        return {};
    }
  }

  // The facts of a tensor, or of each tensor of a list that is made here.
  std::vector<DtypeFact> FactsOf(const torch::jit::Value* value) const {
    std::vector<DtypeFact> facts;
    if (value->node()->kind() == c10::prim::ListConstruct) {
      for (const torch::jit::Value* element : value->node()->inputs()) {
        facts.push_back(FactOf(element));
      }
    } else {
      facts.push_back(FactOf(value));
    }
    return facts;
  }

  void Visit(torch::jit::Block* block) {
    for (torch::jit::Node* node : block->nodes()) Visit(*node);
  }

  void Visit(torch::jit::Node& node) {
    switch (node.kind()) {
      case c10::prim::Constant:
        if (const auto value = torch::jit::toIValue(node.output())) {
          Note(node.output(), FactOfValue(*value));
        }
        break;
      case c10::prim::GetAttr:
        if (const auto path = AttributePath(graph_, node.output())) {
          if (const auto value = Follow(self_, *path)) {
            Note(node.output(), FactOfValue(*value));
          }
        }
        break;
      case c10::prim::If:
        for (torch::jit::Block* branch : node.blocks()) Visit(branch);
        for (size_t i = 0; i < node.outputs().size(); ++i) {
          Join(node.output(i), node.blocks()[0]->outputs()[i],
               node.blocks()[1]->outputs()[i]);
        }
        break;
      case c10::prim::Loop:
        VisitLoop(node);
        break;
      case c10::prim::ListConstruct:
        VisitList(node);
        break;
      case c10::prim::TupleUnpack:
        VisitUnpacking(node);
        break;
      case c10::prim::ListUnpack:
      case c10::prim::unchecked_cast:
      case c10::prim::unchecked_unwrap_optional:
        for (torch::jit::Value* output : node.outputs()) {
          Note(output, FactOf(node.input(0)));
        }
        break;
      default:
        VisitOperator(node);
    }
  }

  void Note(const torch::jit::Value* of, const DtypeFact& fact) {
    if (fact.kind != FactKind::kNothing) facts_[of] = fact;
  }

  // What a branch that raises leaves uninitialised says nothing.
  void Join(const torch::jit::Value* to, const torch::jit::Value* a,
            const torch::jit::Value* b) {
    if (a->node()->kind() == c10::prim::Uninitialized) a = b;
    if (b->node()->kind() == c10::prim::Uninitialized) b = a;
    if (FactOf(a) == FactOf(b)) Note(to, FactOf(a));
  }

  // The first turn is what tells: there the carried values are those outside.
  void VisitLoop(torch::jit::Node& node) {
    torch::jit::Block* body = node.blocks()[0];
    for (size_t i = 1; i < body->inputs().size(); ++i) {
      Note(body->inputs()[i], FactOf(node.input(i + 1)));
    }
    Visit(body);
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      Join(node.output(i), node.input(i + 2), body->outputs()[i + 1]);
    }
  }

  void VisitList(const torch::jit::Node& node) {
    if (node.inputs().empty()) return;
    const DtypeFact first = FactOf(node.input(0));
    for (const torch::jit::Value* element : node.inputs()) {
      if (FactOf(element) != first) return;
    }
    Note(node.output(), first);
  }

  // Of a tuple that is made in the same graph, as a packed sequence is.
  void VisitUnpacking(const torch::jit::Node& node) {
    const torch::jit::Node& maker = *node.input()->node();
    if (maker.kind() != c10::prim::TupleConstruct) return;
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      Note(node.output(i), FactOf(maker.input(i)));
    }
  }

  // A dtype that is asked for converts first: anything may come in.
  static bool Converts(const torch::jit::Node& node,
                       const c10::FunctionSchema& schema) {
    for (size_t i = 0; i < schema.arguments().size(); ++i) {
      if (schema.arguments()[i].name() != "dtype") continue;
      const auto value = torch::jit::toIValue(node.input(i));
      return !value || !value->isNone();
    }
    return false;
  }

  void VisitOperator(const torch::jit::Node& node) {
    const c10::FunctionSchema* schema = node.maybeSchema();
    if (schema == nullptr || schema->is_vararg()) return;
    const std::string_view needs = TensorNeeds(*schema).substr(
        0, std::min(node.inputs().size(), schema->arguments().size()));
    if (needs.empty() || Converts(node, *schema)) return;
    std::vector<DtypeFact> same;
    std::vector<DtypeFact> promoted;
    for (size_t i = 0; i < needs.size(); ++i) {
      for (const DtypeFact& fact : FactsOf(node.input(i))) {
        switch (needs[i]) {
          case 's':
            same.push_back(fact);
            break;
          case 'p':
            promoted.push_back(fact);
            break;
          case 'f':
            Tell(fact, DtypeNeed::kFloating, c10::ScalarType::Float);
            break;
          case 'i':
          case 'h':
            Tell(fact, DtypeNeed::kExact, c10::ScalarType::Long);
            break;
          case 'b':
            Tell(fact, DtypeNeed::kExact, c10::ScalarType::Bool);
            break;
          default:
            break;
        }
      }
    }
    DtypeFact result;
    if (!same.empty()) {
      result = Same(same);
    } else if (!promoted.empty()) {
      result = Promoted(promoted, schema->name().starts_with("aten::div"));
    } else if (needs[0] == 'k' || needs[0] == 'f') {
      result = FactOf(node.input(0));
    }
    for (size_t i = 0; i < node.outputs().size(); ++i) {
      // Behind the first are sizes and indices, but of the recurrent ones.
      if (i == 0 || !same.empty()) Note(node.output(i), result);
    }
  }

  // Tells inputs the dtype that they must share with a weight; gives it.
  DtypeFact Same(const std::vector<DtypeFact>& facts) {
    for (const DtypeFact& fact : facts) {
      if (fact.kind != FactKind::kDtype) continue;
      for (const DtypeFact& other : facts) {
        Tell(other, DtypeNeed::kExact, fact.dtype);
      }
      return fact;
    }
    return {};
  }

  DtypeFact Promoted(const std::vector<DtypeFact>& facts, bool divides) {
    DtypeFact common;
    bool fractions = divides;
    bool differ = false;
    for (const DtypeFact& fact : facts) {
      if (fact.kind == FactKind::kNumber) {
        fractions |= c10::isFloatingType(fact.dtype);
        continue;
      }
      differ |= fact.kind == FactKind::kNothing ||
                (common.kind != FactKind::kNothing && fact != common);
      if (common.kind != FactKind::kDtype) common = fact;
    }
    if (common.kind == FactKind::kDtype) {
      for (const DtypeFact& fact : facts) {
        Tell(fact, DtypeNeed::kPromoted, common.dtype);
      }
    }
    if (differ) return {};
    const bool has_fractions =
        common.kind == FactKind::kDtype && c10::isFloatingType(common.dtype);
    return fractions && !has_fractions ? DtypeFact() : common;
  }

  torch::jit::Graph& graph_;
  const c10::IValue& self_;
  std::unordered_map<const torch::jit::Value*, DtypeFact> facts_;
  std::vector<InputDtypeTold> told_;
};

}  // namespace

std::vector<std::optional<InputDtype>> FindInputDtypes(
    torch::jit::Graph& graph, const c10::IValue& self) {
  return DtypeWalk(graph, self).Run();
}

}  // namespace ferry
