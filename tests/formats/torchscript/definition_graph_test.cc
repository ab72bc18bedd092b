// Graphs of classes that name one another, drawn as lists; the depth of each is
// what compiling it takes by itself.

#include "server/formats/torchscript/definition_graph.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::definition_graph_test {
namespace {

using absl::StatusCode::kInvalidArgument;
using Definitions = std::vector<SourceDefinition>;

// How many of the smallest definitions may name one another.
constexpr int kChainMax = kDefinitionDepthMax / kDefinitionDepth;

std::string Name(int index) { return "__torch__.C" + std::to_string(index); }

// Each one names the next, the last one nothing.
Definitions Chain(int count) {
  Definitions definitions;
  for (int i = 0; i < count; ++i) {
    definitions.push_back({.name = Name(i), .depth = 0, .references = {}});
    if (i + 1 < count) definitions.back().references = {Name(i + 1)};
  }
  return definitions;
}

TEST(DefinitionGraphTest, AcceptsNoCodeAtAll) {
  EXPECT_THAT(CheckDefinitionGraph({}), IsOk());
}

TEST(DefinitionGraphTest, RefusesChainsThatAreTooLong) {
  EXPECT_THAT(CheckDefinitionGraph(Chain(kChainMax)), IsOk());
  EXPECT_THAT(CheckDefinitionGraph(Chain(kChainMax + 1)),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(CheckDefinitionGraph(Chain(200'000)), StatusIs(kInvalidArgument));
}

TEST(DefinitionGraphTest, TheOrderOfTheDefinitionsDoesNotMatter) {
  Definitions definitions = Chain(kChainMax + 1);
  std::reverse(definitions.begin(), definitions.end());
  EXPECT_THAT(CheckDefinitionGraph(definitions), StatusIs(kInvalidArgument));
  definitions.pop_back();
  EXPECT_THAT(CheckDefinitionGraph(definitions), IsOk());
}

TEST(DefinitionGraphTest, AddsTheDepthOfWhatIsInThem) {
  Definitions definitions = Chain(2);
  definitions[0].depth = kDefinitionDepthMax / 2;
  definitions[1].depth = kDefinitionDepthMax / 2;
  EXPECT_THAT(CheckDefinitionGraph(definitions), StatusIs(kInvalidArgument));
  definitions[0].references.clear();
  EXPECT_THAT(CheckDefinitionGraph(definitions), IsOk());
}

TEST(DefinitionGraphTest, ManyDefinitionsBesideOneAnotherAreFlat) {
  Definitions definitions = Chain(1);
  for (int i = 1; i < 10'000; ++i) {
    definitions.push_back({.name = Name(i), .depth = 0, .references = {}});
    definitions[0].references.insert(Name(i));
  }
  EXPECT_THAT(CheckDefinitionGraph(definitions), IsOk());
}

TEST(DefinitionGraphTest, SharedDefinitionsAreFollowedOnce) {
  // A ladder of 100 rungs has 2^100 ways down.
  Definitions definitions;
  for (int i = 0; i < 200; ++i) {
    definitions.push_back({.name = Name(i), .depth = 0, .references = {}});
    for (int next = i / 2 * 2 + 2; next < std::min(i / 2 * 2 + 4, 200);
         ++next) {
      definitions.back().references.insert(Name(next));
    }
  }
  EXPECT_THAT(CheckDefinitionGraph(definitions), IsOk());
}

TEST(DefinitionGraphTest, ACircleCountsAsOneThatHasAllTheirDepths) {
  Definitions definitions = Chain(kChainMax);
  definitions.back().references = {Name(0)};
  EXPECT_THAT(CheckDefinitionGraph(definitions), IsOk());
  definitions.push_back(
      {.name = "__torch__.Outer", .depth = 0, .references = {Name(7)}});
  EXPECT_THAT(CheckDefinitionGraph(definitions), StatusIs(kInvalidArgument));
  EXPECT_THAT(CheckDefinitionGraph({{.name = "__torch__.Self",
                                     .depth = 0,
                                     .references = {"__torch__.Self"}}}),
              IsOk());
}

TEST(DefinitionGraphTest, ANameLeadsToEveryDefinitionThatBeginsIt) {
  Definitions definitions = Chain(kChainMax);
  definitions.push_back({.name = "__torch__.Outer",
                         .depth = 0,
                         .references = {Name(0) + ".method.attribute"}});
  EXPECT_THAT(CheckDefinitionGraph(definitions), StatusIs(kInvalidArgument));
}

TEST(DefinitionGraphTest, RefusesNamesThatNothingDefines) {
  const auto naming = [](const std::string& name) {
    return CheckDefinitionGraph(
        {{.name = "__torch__.a.C", .depth = 0, .references = {name}}});
  };
  EXPECT_THAT(naming("__torch__.a.D"), StatusIs(kInvalidArgument));
  EXPECT_THAT(naming("__torch__.a"), StatusIs(kInvalidArgument));
  EXPECT_THAT(naming("__torch__"), StatusIs(kInvalidArgument));
  EXPECT_THAT(naming("__torch__.torch.classes.quantized.Packed"), IsOk());
}

TEST(DefinitionGraphTest, RefusesTwoDefinitionsOfOneName) {
  EXPECT_THAT(
      CheckDefinitionGraph({{.name = Name(0), .depth = 0, .references = {}},
                            {.name = Name(0), .depth = 0, .references = {}}}),
      StatusIs(kInvalidArgument));
}

TEST(DefinitionGraphTest, RefusesNamesOfTooManyParts) {
  std::string name = "__torch__";
  for (int i = 0; i < 32; ++i) name += ".a";
  EXPECT_THAT(
      CheckDefinitionGraph({{.name = name, .depth = 0, .references = {}}}),
      StatusIs(kInvalidArgument));
}

}  // namespace
}  // namespace ferry::definition_graph_test
