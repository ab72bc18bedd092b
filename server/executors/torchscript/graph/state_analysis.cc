#include "server/executors/torchscript/graph/state_analysis.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <torch/csrc/jit/ir/constants.h>

#include "server/executors/torchscript/graph/alias_roots.h"
#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

// These update their running statistics when told to train, and their schemas
// do not declare it: (input, weight, bias, mean, var, training, ...).
constexpr std::array<std::string_view, 5> kNormalisers = {
    "aten::batch_norm", "aten::instance_norm", "aten::native_batch_norm",
    "aten::cudnn_batch_norm", "aten::_batch_norm_impl_index"};
constexpr size_t kMeanIndex = 3;
constexpr size_t kVarIndex = 4;
constexpr size_t kTrainingIndex = 5;

// Tensor(a!)[], a list whose tensors are written, and not t[](a!), a list that
// is.
bool WritesElements(const c10::AliasInfo& alias) {
  return std::ranges::any_of(
      alias.containedTypes(),
      [](const c10::AliasInfo& element) { return element.isWrite(); });
}

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
      if (alias == nullptr || !alias->isWrite()) continue;
      const torch::jit::Value* value = node.input(i);
      // append() changes a list, and none of the tensors in it.
      const bool elements =
          WritesElements(*alias) || !IsContainer(*value->type());
      Written(*value,
              elements ? roots_.Find(value) : roots_.FindContainer(value));
    }
  }

  void VisitNormaliser(const torch::jit::Node& node) {
    const auto training = torch::jit::toIValue(node.input(kTrainingIndex));
    if (training && !training->toBool()) return;
    for (const size_t index : {kMeanIndex, kVarIndex}) {
      Written(*node.input(index), roots_.Find(node.input(index)));
    }
  }

  void Written(const torch::jit::Value& value, const AliasRoots::Roots& roots) {
    if (!IsMutable(*value.type())) return;
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
