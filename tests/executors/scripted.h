// Modules made on the spot from TorchScript text, in memory or as a file.
//
// Threads:  any.

#ifndef TESTS_EXECUTORS_SCRIPTED_H_
#define TESTS_EXECUTORS_SCRIPTED_H_

#include <memory>
#include <string>

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/frontend/resolver.h>
#include <torch/csrc/jit/frontend/sugared_value.h>
#include <torch/csrc/jit/ir/ir.h>

#include "server/executors/torchscript/forward_graph.h"

namespace ferry {

// Names in the source: "torch" as usual, "fork" and "wait", and any other
// library of operators by its own name, as in "quantized.linear(...)".
struct OperatorNames final : torch::jit::Resolver {
  std::shared_ptr<torch::jit::SugaredValue> resolveValue(
      const std::string& name, torch::jit::GraphFunction&,
      const torch::jit::SourceRange&) override {
    if (name == "fork") {
      return torch::jit::SpecialFormValue::create(c10::prim::fork);
    }
    if (name == "wait") {
      return std::make_shared<torch::jit::BuiltinFunction>(c10::aten::wait,
                                                           std::nullopt);
    }
    return std::make_shared<torch::jit::BuiltinModule>(name == "torch" ? "aten"
                                                                       : name);
  }
};

inline torch::jit::ResolverPtr Names() {
  return std::make_shared<OperatorNames>();
}

// A module of that source, with a float parameter "weight" [4] of ones, a float
// buffer "buffer" [4] of zeros and the bool "training", true.
inline torch::jit::Module Scripted(const std::string& source) {
  torch::jit::Module module("Scripted");
  module.register_parameter("weight", at::ones({4}), false);
  module.register_buffer("buffer", at::zeros({4}));
  module.register_attribute("training", c10::BoolType::get(), true);
  module.define(source, Names());
  return module;
}

inline std::shared_ptr<torch::jit::Graph> FlatGraph(
    const torch::jit::Module& module) {
  return MakeForwardGraph(
      module._ivalue(),
      torch::jit::toGraphFunction(module.get_method("forward").function()));
}

inline int CountNodes(torch::jit::Graph& graph, const std::string& kind) {
  int count = 0;
  for (torch::jit::Node* node : graph.nodes()) {
    count += node->kind().toQualString() == kind;
  }
  return count;
}

}  // namespace ferry

#endif  // TESTS_EXECUTORS_SCRIPTED_H_
