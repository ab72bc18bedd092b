#include "server/executors/torchscript/checks/inline_check.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/ir/ir.h>

#include "absl/strings/str_cat.h"

#include "server/executors/torchscript/graph/graph_walk.h"

namespace ferry {

namespace {

struct Cost {
  uint64_t nodes = 0;
  int height = 0;  // Of calls in one another.

  bool IsTooMuch() const {
    return nodes > kInlinedNodesMax || height > kCallDepthMax;
  }
};

constexpr Cost kTooMuch{.nodes = 0, .height = kCallDepthMax + 1};

class Counter {
 public:
  explicit Counter(const torch::jit::CompilationUnit& unit) {
    for (torch::jit::Function* function : unit.get_functions()) {
      by_name_[function->name()].push_back(function);
    }
  }

  // Of the function with all calls inlined; more than a limit when it is, by
  // however much.
  Cost Count(const torch::jit::Function& function, int depth) {
    if (depth > kCallDepthMax) return kTooMuch;
    if (const auto known = costs_.find(&function); known != costs_.end()) {
      return known->second;
    }
    if (!function.isGraphFunction()) return {.nodes = 1, .height = 1};
    Cost cost{.nodes = 0, .height = 1};
    ForEachNode(*torch::jit::toGraphFunction(function).graph(),
                [&](torch::jit::Node* node) {
                  if (cost.IsTooMuch()) return;
                  const Cost call = CountCall(*node, depth + 1);
                  cost.nodes += 1 + call.nodes;
                  cost.height = std::max(cost.height, 1 + call.height);
                });
    costs_.emplace(&function, cost);
    return cost;
  }

 private:
  Cost CountCall(const torch::jit::Node& node, int depth) {
    if (node.kind() == c10::prim::CallFunction) {
      const auto type = node.input(0)->type()->cast<c10::FunctionType>();
      return type ? Count(*type->function(), depth) : Cost{};
    }
    if (node.kind() != c10::prim::CallMethod) return {};
    const std::string& name = node.s(c10::attr::name);
    if (const auto cls = node.input(0)->type()->cast<c10::ClassType>()) {
      const torch::jit::Function* method = cls->findMethod(name);
      return method == nullptr ? Cost{} : Count(*method, depth);
    }
    // Through an interface: the worst method of that name.
    Cost worst;
    for (const torch::jit::Function* method : by_name_[name]) {
      const Cost cost = Count(*method, depth);
      worst.nodes = std::max(worst.nodes, cost.nodes);
      worst.height = std::max(worst.height, cost.height);
    }
    return worst;
  }

  std::unordered_map<std::string, std::vector<const torch::jit::Function*>>
      by_name_;
  std::unordered_map<const torch::jit::Function*, Cost> costs_;
};

}  // namespace

absl::Status CheckInlining(const torch::jit::CompilationUnit& unit) {
  Counter counter(unit);
  for (const torch::jit::Function* function : unit.get_functions()) {
    if (!counter.Count(*function, /*depth=*/0).IsTooMuch()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "function ", function->qualname().qualifiedName(), " is more than ",
        kInlinedNodesMax, " operations, or calls more than ", kCallDepthMax,
        " deep, with everything that it calls"));
  }
  return absl::OkStatus();
}

}  // namespace ferry
