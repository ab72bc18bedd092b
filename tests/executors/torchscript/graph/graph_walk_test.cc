// A small module's graph: which nodes are met and what attributes are called.

#include "server/executors/torchscript/graph/graph_walk.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "tests/executors/scripted.h"

namespace ferry::graph_walk_test {
namespace {

constexpr char kSource[] = R"(
def forward(self, x, many: int):
    for i in range(many):
        if many > 2:
            x = torch.sin(x)
    return x + self.weight
)";

TEST(GraphWalkTest, MeetsNodesInBlocksInBlocks) {
  const torch::jit::Module module = Scripted(kSource);
  const auto graph = module.get_method("forward").graph();
  int sines = 0;
  ForEachNode(*graph, [&](torch::jit::Node* node) {
    sines += node->kind() == c10::aten::sin;
  });
  EXPECT_EQ(sines, 1);
}

TEST(GraphWalkTest, TheVisitorMayDestroyWhatItIsGiven) {
  torch::jit::Graph graph;
  for (int i = 0; i < 3; ++i) {
    graph.insertNode(graph.create(c10::prim::TimePoint, 1));
  }
  ForEachNode(graph, [](torch::jit::Node* node) { node->destroy(); });
  EXPECT_EQ(graph.nodes().begin(), graph.nodes().end());
}

TEST(GraphWalkTest, ReadsThePathOfAnAttributeAndFollowsIt) {
  torch::jit::Module inner = Scripted(kSource);
  torch::jit::Module outer("Outer");
  outer.register_module("inner", inner);
  outer.define("def forward(self, x):\n    return x + self.inner.weight\n");
  const auto graph = outer.get_method("forward").graph();
  std::vector<std::string> longest;
  ForEachNode(*graph, [&](torch::jit::Node* node) {
    for (const torch::jit::Value* value : node->outputs()) {
      const auto path = AttributePath(*graph, value);
      if (path && path->size() > longest.size()) longest = *path;
    }
  });
  EXPECT_EQ(longest, (std::vector<std::string>{"inner", "weight"}));
  EXPECT_TRUE(Follow(outer._ivalue(), longest)
                  ->toTensor()
                  .is_same(inner.attr("weight").toTensor()));
  EXPECT_EQ(Follow(outer._ivalue(), {"inner", "none"}), std::nullopt);
  EXPECT_EQ(AttributePath(*graph, graph->inputs()[1]), std::nullopt);
}

}  // namespace
}  // namespace ferry::graph_walk_test
