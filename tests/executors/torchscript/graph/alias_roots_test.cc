// What the answer of a small forward may be a part of.

#include "server/executors/torchscript/graph/alias_roots.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "tests/executors/scripted.h"

namespace ferry::alias_roots_test {
namespace {

using Paths = std::set<std::vector<std::string>>;
const Paths kWeight{{"weight"}};
const Paths kBoth{{"buffer"}, {"weight"}};

AliasRoots::Roots Answer(const std::string& body) {
  const auto graph =
      FlatGraph(Scripted("def forward(self, x, many: int):\n" + body));
  return AliasRoots(*graph).Find(graph->outputs()[0]);
}

TEST(AliasRootsTest, ANewTensorIsPartOfNothing) {
  const auto roots = Answer("    return torch.relu(x + self.weight)\n");
  EXPECT_TRUE(roots.attributes.empty());
  EXPECT_FALSE(roots.input || roots.constant || roots.unknown);
}

TEST(AliasRootsTest, AViewIsPartOfWhatItViews) {
  EXPECT_EQ(Answer("    return self.weight[1:].view(-1).t()\n").attributes,
            kWeight);
  const auto input = Answer("    return torch.relu_(x.t())\n");
  EXPECT_TRUE(input.input);
  EXPECT_TRUE(input.attributes.empty());
}

TEST(AliasRootsTest, WhatIsWrittenToIsTheResult) {
  EXPECT_EQ(Answer("    return torch.add(x, x, out=self.weight)\n").attributes,
            kWeight);
}

TEST(AliasRootsTest, BranchesAndLoopsMayGiveEither) {
  EXPECT_EQ(Answer("    y = self.weight\n"
                   "    if many > 1:\n"
                   "        y = self.buffer\n"
                   "    return y\n")
                .attributes,
            kBoth);
  EXPECT_EQ(Answer("    y = self.weight\n"
                   "    for i in range(many):\n"
                   "        y = self.buffer[1:]\n"
                   "    return y\n")
                .attributes,
            kBoth);
  // What a turn begins with is what there was before the first, or what the
  // last one ended with.
  const auto turns = Answer(
      "    y = self.weight\n"
      "    z = x\n"
      "    for i in range(many):\n"
      "        z = y\n"
      "        y = self.buffer\n"
      "    return z\n");
  EXPECT_EQ(turns.attributes, kBoth);
  EXPECT_TRUE(turns.input);
}

TEST(AliasRootsTest, WhatWasInAListComesOutOfIt) {
  EXPECT_EQ(Answer("    all = [x, self.weight]\n"
                   "    return all[many]\n")
                .attributes,
            kWeight);
  EXPECT_EQ(Answer("    all = [x]\n"
                   "    all.append(self.weight)\n"
                   "    return all[many]\n")
                .attributes,
            kWeight);
  EXPECT_EQ(Answer("    all = {\"a\": x}\n"
                   "    all[\"b\"] = self.weight\n"
                   "    return all[\"b\"]\n")
                .attributes,
            kWeight);
}

TEST(AliasRootsTest, AListThatWasOnlyReadGivesNothingAway) {
  // What LibTorch's own analysis cannot tell: cat() makes a new tensor.
  const auto roots = Answer("    return torch.cat([x, self.weight]).relu_()\n");
  EXPECT_TRUE(roots.attributes.empty());
  EXPECT_FALSE(roots.input);
}

TEST(AliasRootsTest, AnAttributeMayBeWhatItWasAssigned) {
  EXPECT_EQ(Answer("    self.buffer = self.weight\n"
                   "    return self.buffer\n")
                .attributes,
            kBoth);
}

TEST(AliasRootsTest, NumbersShareNoMemory) {
  EXPECT_FALSE(IsMutable(*c10::IntType::get()));
  EXPECT_FALSE(IsMutable(*c10::StringType::get()));
  EXPECT_TRUE(IsMutable(*c10::TensorType::get()));
  EXPECT_TRUE(IsMutable(*c10::ListType::ofInts()));
}

}  // namespace
}  // namespace ferry::alias_roots_test
