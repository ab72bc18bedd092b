#include "server/executors/state_analysis.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <torch/csrc/jit/ir/constants.h>

#include "server/executors/alias_roots.h"
#include "server/executors/graph_walk.h"

namespace ferry {

namespace {

// These update their running statistics when told to train, and their schemas
// do not declare it: (input, weight, bias, mean, var, training, ...).
constexpr std::array<std::string_view, 4> kNormalisers = {
    "aten::batch_norm", "aten::instance_norm", "aten::native_batch_norm",
    "aten::_batch_norm_impl_index"};
constexpr size_t kMeanIndex = 3;
constexpr size_t kVarIndex = 4;
constexpr size_t kTrainingIndex = 5;

class Analysis {
 public:
  explicit Analysis(torch::jit::Graph& graph) : graph_(graph), roots_(graph) {}

  StateFacts Run() {
    ForEachNode(graph_, [this](torch::jit::Node* node) { Visit(*node); });
    return std::move(facts_);
  }

 private:
  void Visit(const torch::jit::Node& node) {
    if (node.kind() == c10::prim::SetAttr) {
      facts_.stateful = true;
      return;
    }
    if (std::ranges::find(kNormalisers, node.kind().toQualString()) !=
        kNormalisers.end()) {
      VisitNormaliser(node);
      return;
    }
    const c10::FunctionSchema* schema = node.maybeSchema();
    if (schema == nullptr) return;
    const size_t count =
        std::min(schema->arguments().size(), node.inputs().size());
    for (size_t i = 0; i < count; ++i) {
      const auto* alias = schema->arguments()[i].alias_info();
      if (alias != nullptr && alias->isWrite()) Written(node.input(i));
    }
  }

  void VisitNormaliser(const torch::jit::Node& node) {
    const auto training = torch::jit::toIValue(node.input(kTrainingIndex));
    if (training && !training->toBool()) return;
    Written(node.input(kMeanIndex));
    Written(node.input(kVarIndex));
  }

  void Written(const torch::jit::Value* value) {
    if (!IsMutable(*value->type())) return;
    const AliasRoots::Roots roots = roots_.Find(value);
    facts_.writes_inputs |= roots.input;
    facts_.any_written |= roots.unknown || roots.constant;
    facts_.stateful |=
        roots.unknown || roots.constant || !roots.attributes.empty();
    for (const auto& path : roots.attributes) {
      if (std::ranges::find(facts_.written, path) == facts_.written.end()) {
        facts_.written.push_back(path);
      }
    }
  }

  torch::jit::Graph& graph_;
  const AliasRoots roots_;
  StateFacts facts_;
};

}  // namespace

StateFacts AnalyseState(const std::shared_ptr<torch::jit::Graph>& graph) {
  return Analysis(*graph).Run();
}

}  // namespace ferry
