// Small modules that do and do not write to more than their own values.

#include "server/executors/torchscript/graph/state_analysis.h"

#include <algorithm>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "tests/executors/scripted.h"

namespace ferry::state_analysis_test {
namespace {

using Paths = std::vector<std::vector<std::string>>;

StateFacts Facts(const std::string& body) {
  return AnalyseState(FlatGraph(Scripted("def forward(self, x):\n" + body)));
}

TEST(StateAnalysisTest, AFunctionOfWeightsAndInputsHasNoState) {
  const StateFacts facts = Facts(
      "    y = x + self.weight\n"
      "    y.add_(1)\n"
      "    torch.relu_(y)\n"
      "    return y\n");
  EXPECT_FALSE(facts.stateful);
  EXPECT_FALSE(facts.writes_inputs);
  EXPECT_TRUE(facts.written.empty());
}

TEST(StateAnalysisTest, AWriteInPlaceNamesItsAttribute) {
  const StateFacts facts = Facts(
      "    self.buffer.add_(x)\n"
      "    return self.buffer + self.weight\n");
  EXPECT_TRUE(facts.stateful);
  EXPECT_FALSE(facts.writes_inputs);
  EXPECT_FALSE(facts.any_written);
  ASSERT_FALSE(facts.written.empty());
  for (const auto& path : facts.written) {
    EXPECT_EQ(path, std::vector<std::string>{"buffer"});
  }
}

TEST(StateAnalysisTest, AWriteThroughAViewCountsToo) {
  const StateFacts facts = Facts(
      "    self.buffer[1:].view(-1).copy_(x[1:])\n"
      "    return x + self.weight\n");
  EXPECT_TRUE(facts.stateful);
  EXPECT_EQ(facts.written, Paths{{"buffer"}});
}

TEST(StateAnalysisTest, WhatAnOperatorGivesBackAsItWasIsTheWeight) {
  for (const std::string expression :
       {"self.weight.type_as(x)",
        "torch.dropout(self.weight, 0.5, False)",
        "torch.atleast_1d(self.weight)",
        "torch.atleast_2d(self.weight)",
        "torch.atleast_3d(self.weight)",
        "torch._unsafe_view(self.weight, [4])",
        "torch.sum_to_size(self.weight, [4])",
        "torch.einsum(\"i\", [self.weight])",
        "torch.cartesian_prod([self.weight])",
        "torch.dequantize(self.weight)",
        "torch.chain_matmul([self.weight])",
        "torch.alpha_dropout(self.weight, 0.5, False)",
        "torch.conj_physical(self.weight)",
        "self.weight.to(x.dtype)",
        "self.weight.contiguous()",
        "self.weight.reshape([4])",
        "self.weight.expand([4])",
        "self.weight.expand_as(x)",
        "torch.unsafe_chunk(self.weight, 2)[0]",
        "torch.meshgrid([self.weight])[0]",
        "torch.broadcast_tensors([self.weight, x])[0]"}) {
    const StateFacts facts = Facts("    y = " + expression +
                                   "\n"
                                   "    y.add_(1)\n"
                                   "    return y\n");
    EXPECT_TRUE(facts.stateful) << expression;
    EXPECT_EQ(facts.written, Paths{{"weight"}}) << expression;
  }
}

TEST(StateAnalysisTest, WhatIsMadeOfWeightsMayBeWritten) {
  for (const std::string expression :
       {"self.weight + self.buffer", "self.weight * 2",
        "torch.matmul(x, self.weight)", "torch.linear(x, self.weight)",
        "torch.softmax(self.weight, 0)", "torch.cat([self.weight, x])",
        "torch.stack([self.weight, self.buffer])",
        "torch.embedding(self.weight.view([2, 2]), torch.tensor([1]))",
        "torch.layer_norm(x, [4], self.weight, self.buffer)",
        "torch.batch_norm(x, self.weight, None, self.buffer, self.weight, "
        "False, 0.1, 1e-5, False)",
        "torch.conv1d(x.view([1, 1, 4]), self.weight.view([1, 1, 4]))",
        "torch.where(x > 0, self.weight, x)", "self.weight.clone()",
        "torch.masked_fill(self.weight, x > 0, 0.0)",
        "torch.index_select(self.weight, 0, torch.tensor([1]))",
        "torch.zeros_like(self.weight)", "self.weight.repeat([2])",
        "torch.scaled_dot_product_attention(self.weight.view([1, 2, 2]), "
        "x.view([1, 2, 2]), x.view([1, 2, 2]))"}) {
    const StateFacts facts = Facts("    y = " + expression +
                                   "\n"
                                   "    y.add_(1)\n"
                                   "    return y\n");
    EXPECT_FALSE(facts.stateful) << expression;
    EXPECT_FALSE(facts.any_written) << expression;
  }
}

TEST(StateAnalysisTest, AnAssignmentIsState) {
  const StateFacts facts = Facts(
      "    self.buffer = self.buffer + x\n"
      "    return self.buffer\n");
  EXPECT_TRUE(facts.stateful);
  EXPECT_TRUE(facts.written.empty());
  EXPECT_FALSE(facts.any_written);
}

TEST(StateAnalysisTest, WhatIsAssignedAndWrittenMayBeAWeight) {
  const StateFacts facts = Facts(
      "    self.buffer = self.weight\n"
      "    self.buffer.add_(1)\n"
      "    return self.buffer\n");
  EXPECT_TRUE(facts.stateful);
  EXPECT_EQ(facts.written, (Paths{{"buffer"}, {"weight"}}));
}

TEST(StateAnalysisTest, WritesInPlaceBesideListsOfWeightsAreNotState) {
  const StateFacts facts = Facts(
      "    y = torch.relu_(x + 1)\n"
      "    z = torch.cat([y.view(-1), self.weight])\n"
      "    return z.relu_()\n");
  EXPECT_FALSE(facts.stateful);
  EXPECT_FALSE(facts.writes_inputs);
}

TEST(StateAnalysisTest, RunningStatisticsThatTrainInForwardAreState) {
  for (const auto& norm :
       {std::pair("batch_norm", ", 0.1, 1e-5, False)"),
        std::pair("instance_norm", ", 0.1, 1e-5, False)"),
        std::pair("native_batch_norm", ", 0.1, 1e-5)[0]"),
        std::pair("cudnn_batch_norm", ", 0.1, 1e-5)[0]"),
        std::pair("_batch_norm_impl_index", ", 0.1, 1e-5, False)[0]")}) {
    const auto facts = [&](const std::string& training) {
      return AnalyseState(FlatGraph(Scripted(
          std::string("def forward(self, x, train: bool):\n    return torch.") +
          norm.first + "(x, self.weight, None, self.buffer, self.weight, " +
          training + norm.second + "\n")));
    };
    EXPECT_FALSE(facts("False").stateful) << norm.first;
    // An argument may be either.
    for (const std::string training : {"True", "train"}) {
      EXPECT_TRUE(facts(training).stateful) << norm.first << " " << training;
      EXPECT_EQ(facts(training).written, (Paths{{"buffer"}, {"weight"}}))
          << norm.first << " " << training;
    }
  }
}

TEST(StateAnalysisTest, AWriteToTheInputIsNotState) {
  const StateFacts facts = Facts(
      "    x.add_(1)\n"
      "    return x + self.weight\n");
  EXPECT_FALSE(facts.stateful);
  EXPECT_TRUE(facts.writes_inputs);
}

TEST(StateAnalysisTest, AnInputThatIsAListIsAnInput) {
  torch::jit::Module module = Scripted(
      "def forward(self, x: List[Tensor]):\n"
      "    x[0].add_(1)\n"
      "    return x[0] + self.weight\n");
  const StateFacts facts = AnalyseState(FlatGraph(module));
  EXPECT_FALSE(facts.stateful);
  EXPECT_TRUE(facts.writes_inputs);
}

TEST(StateAnalysisTest, AListOfBuffersMayBeWrittenThroughItsElements) {
  torch::jit::Module module("Lists");
  module.register_attribute("cache", c10::ListType::ofTensors(),
                            c10::List<at::Tensor>({at::zeros({4})}));
  module.define(
      "def forward(self, x):\n"
      "    self.cache[0].add_(x)\n"
      "    return self.cache[0]\n");
  const StateFacts facts = AnalyseState(FlatGraph(module));
  EXPECT_TRUE(facts.stateful);
  EXPECT_EQ(facts.written, Paths{{"cache"}});
}

TEST(StateAnalysisTest, AListThatGrowsIsState) {
  torch::jit::Module module("Lists");
  module.register_attribute("seen", c10::ListType::ofInts(),
                            c10::List<int64_t>());
  module.define(
      "def forward(self, x):\n"
      "    self.seen.append(1)\n"
      "    return x + len(self.seen)\n");
  EXPECT_TRUE(AnalyseState(FlatGraph(module)).stateful);
}

TEST(StateAnalysisTest, AListOfForwardsOwnMayBeFilledWithWeights) {
  for (const std::string fill :
       {"    all = [x]\n    all.append(self.weight)\n",
        "    all = [x]\n    all.extend([self.weight, self.buffer])\n",
        "    all = [x]\n    all.insert(0, self.weight)\n",
        "    all = [x]\n    all[0] = self.weight\n",
        "    all = [self.weight, x]\n    all.reverse()\n",
        "    all = [self.weight]\n    all.pop()\n    all.append(x)\n",
        "    all = [self.weight] + [x]\n    all.append(x)\n",
        "    all = [self.weight] * 2\n    all.append(x)\n",
        "    all = [self.weight, x][0:1]\n    all.append(x)\n",
        "    all = [self.weight, x].copy()\n    all.append(x)\n",
        "    all = torch.list([self.weight, x])\n    all.append(x)\n",
        "    byName = {\"x\": x}\n    byName[\"w\"] = self.weight\n"
        "    all = [byName[\"w\"]]\n"}) {
    const StateFacts facts = Facts(fill + "    return torch.cat(all)\n");
    EXPECT_FALSE(facts.stateful) << fill;
    EXPECT_FALSE(facts.writes_inputs) << fill;
    EXPECT_FALSE(facts.any_written) << fill;
    EXPECT_TRUE(facts.written.empty()) << fill;
    // What is taken out of it may be the weight.
    const StateFacts writes =
        Facts(fill + "    all[0].add_(1)\n    return torch.cat(all)\n");
    EXPECT_TRUE(writes.stateful) << fill;
    EXPECT_NE(
        std::ranges::find(writes.written, std::vector<std::string>{"weight"}),
        writes.written.end())
        << fill;
  }
}

TEST(StateAnalysisTest, AnOperatorThatWritesToTheTensorsOfAListWritesThem) {
  const StateFacts facts = Facts(
      "    all = [x, self.weight]\n"
      "    torch._foreach_add_(all, 1)\n"
      "    return all[0]\n");
  EXPECT_TRUE(facts.stateful);
  EXPECT_TRUE(facts.writes_inputs);
  EXPECT_EQ(facts.written, Paths{{"weight"}});
}

TEST(StateAnalysisTest, AListInAListOfTheModelsIsTheModels) {
  torch::jit::Module module("Lists");
  const auto lists = c10::ListType::create(c10::ListType::ofTensors());
  c10::impl::GenericList cache(c10::ListType::ofTensors());
  cache.push_back(c10::List<at::Tensor>());
  module.register_attribute("cache", lists, cache);
  module.define(
      "def forward(self, x):\n"
      "    self.cache[0].append(x)\n"
      "    return x\n"
      "def around(self, x):\n"
      "    mine = [self.cache[0]]\n"
      "    mine[0].append(x)\n"
      "    return x\n");
  for (const char* name : {"forward", "around"}) {
    const StateFacts facts = AnalyseState(MakeForwardGraph(
        module._ivalue(),
        torch::jit::toGraphFunction(module.get_method(name).function())));
    EXPECT_TRUE(facts.stateful) << name;
    EXPECT_EQ(facts.written, Paths{{"cache"}}) << name;
  }
}

TEST(StateAnalysisTest, ACopyOfAListOfTheModelsIsNotTheModels) {
  // As in torchvision's Swin.
  torch::jit::Module module("Lists");
  module.register_attribute("sizes", c10::ListType::ofInts(),
                            c10::List<int64_t>({1, 2}));
  module.define(
      "def forward(self, x):\n"
      "    sizes = self.sizes.copy()\n"
      "    sizes[0] = 0\n"
      "    return x + sizes[1]\n");
  EXPECT_FALSE(AnalyseState(FlatGraph(module)).stateful);
}

TEST(StateAnalysisTest, AListThatWasAssignedIsTheModels) {
  torch::jit::Module module("Lists");
  module.register_attribute("cache", c10::ListType::ofTensors(),
                            c10::List<at::Tensor>());
  module.define(
      "def forward(self, x):\n"
      "    mine = [x]\n"
      "    self.cache = mine\n"
      "    mine.append(x)\n"
      "    return x\n");
  EXPECT_TRUE(AnalyseState(FlatGraph(module)).stateful);
}

TEST(StateAnalysisTest, AListThatIsAnInputIsWrittenWhenItGrows) {
  const StateFacts facts =
      AnalyseState(FlatGraph(Scripted("def forward(self, x: List[Tensor]):\n"
                                      "    x.append(self.weight)\n"
                                      "    return x[0]\n")));
  EXPECT_FALSE(facts.stateful);
  EXPECT_TRUE(facts.writes_inputs);
}

TEST(StateAnalysisTest, AnObjectInAListOfTheModelsIsTheModels) {
  torch::jit::Module module("Lists");
  const auto unit = module._ivalue()->compilation_unit();
  const auto holder = c10::ClassType::create("__torch__.Holder", unit);
  holder->addAttribute("held", c10::TensorType::get());
  unit->register_type(holder);
  const auto object =
      c10::ivalue::Object::create(c10::StrongTypePtr(unit, holder), 1);
  object->setSlot(0, at::zeros({4}));
  c10::impl::GenericList objects(holder);
  objects.push_back(object);
  module.register_attribute("objects", c10::ListType::create(holder), objects);
  module.define(
      "def forward(self, x):\n"
      "    self.objects[0].held.add_(x)\n"
      "    return x\n");
  const StateFacts facts = AnalyseState(FlatGraph(module));
  EXPECT_TRUE(facts.stateful);
  EXPECT_EQ(facts.written, Paths{{"objects"}});
}

TEST(StateAnalysisTest, WhatCannotBeToldMayBeAWriteToAnyWeight) {
  // A module that is known only when it runs.
  const torch::jit::Module module = Scripted(
      "def forward(self, x):\n"
      "    return self.weight.relu_()\n");
  const auto graph = FlatGraph(module);
  torch::jit::Value* self = graph->inputs()[0];
  torch::jit::Node* cast = graph->create(c10::prim::unchecked_cast, {self});
  cast->output()->setType(self->type());
  graph->prependNode(cast);
  for (torch::jit::Node* node : graph->nodes()) {
    if (node->kind() == c10::prim::GetAttr) {
      node->replaceInput(0, cast->output());
    }
  }
  const StateFacts facts = AnalyseState(graph);
  EXPECT_TRUE(facts.stateful);
  EXPECT_TRUE(facts.any_written);
  EXPECT_TRUE(facts.written.empty());
}

TEST(StateAnalysisTest, AWriteToAConstantMayBeAWriteToAnyWeight) {
  // As tracing leaves a tensor that was in the code.
  const torch::jit::Module module =
      Scripted("def forward(self, x):\n    return torch.relu_(x)\n");
  const auto graph = FlatGraph(module);
  for (torch::jit::Node* node : graph->nodes()) {
    if (node->kind() != c10::aten::relu_) continue;
    const torch::jit::WithInsertPoint before(node);
    node->replaceInput(0, graph->insertConstant(at::ones({4})));
    break;
  }
  const StateFacts facts = AnalyseState(graph);
  EXPECT_TRUE(facts.stateful);
  EXPECT_TRUE(facts.any_written);
  EXPECT_FALSE(facts.writes_inputs);
}

TEST(StateAnalysisTest, CountingBatchesInTrainingIsNotState) {
  const StateFacts facts = Facts(
      "    if self.training:\n"
      "        self.buffer.add_(1)\n"
      "    return x + self.weight\n");
  EXPECT_FALSE(facts.stateful);
}

}  // namespace
}  // namespace ferry::state_analysis_test
