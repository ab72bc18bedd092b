// Small modules that do and do not write to more than their own values.

#include "server/executors/state_analysis.h"

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
  const std::string norm =
      "    return torch.batch_norm(x, None, None, self.buffer, self.weight, ";
  EXPECT_FALSE(Facts(norm + "False, 0.1, 1e-5, False)\n").stateful);
  const StateFacts facts = Facts(norm + "True, 0.1, 1e-5, False)\n");
  EXPECT_TRUE(facts.stateful);
  EXPECT_EQ(facts.written, (Paths{{"buffer"}, {"weight"}}));
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

TEST(StateAnalysisTest, CountingBatchesInTrainingIsNotState) {
  const StateFacts facts = Facts(
      "    if self.training:\n"
      "        self.buffer.add_(1)\n"
      "    return x + self.weight\n");
  EXPECT_FALSE(facts.stateful);
}

}  // namespace
}  // namespace ferry::state_analysis_test
