// Code as torch.jit.save prints it, then code that is deep in one way: each way
// in which LibTorch's compiler recurses has its test, at its limit.

#include "server/formats/source_check.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::source_check_test {
namespace {

using absl::StatusCode::kInvalidArgument;

constexpr SourceLimits kLimits;
constexpr int kBrackets = kLimits.brackets_max;
constexpr int kBlocks = kLimits.blocks_max;
constexpr int kChain = kLimits.chain_max;

std::string Repeat(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(SourceCheckTest, AcceptsWhatTorchPrints) {
  EXPECT_THAT(CheckSource(R"(class Model(Module):
  __parameters__ = ["weight", ]
  __buffers__ = []
  weight : Tensor
  training : bool
  child : __torch__.model.Child
  def forward(self: __torch__.model.Model,
    x: Tensor) -> Tensor:
    weight = self.weight
    _0 = torch.add(torch.matmul(x, weight), CONSTANTS.c0, alpha=1)
    if torch.gt(torch.len(x), -1.5e-05):
      _1 = "a # no comment, (["
    else:
      ops.prim.RaiseException('it\'s "bad"', """three
lines " (((
""")
      _1 = annotate(List[int], [])
    # a comment with ((( and "
    return (_0 if True else x)[0, 1:2].T
)"),
              IsOk());
}

TEST(SourceCheckTest, AcceptsAnEmptyFile) {
  EXPECT_THAT(CheckSource(""), IsOk());
}

TEST(SourceCheckTest, AcceptsLongFlatLists) {
  EXPECT_THAT(CheckSource("x = [" + Repeat("-1.5, ", 100'000) + "]\n"), IsOk());
  EXPECT_THAT(CheckSource("x = [" + Repeat("[a.b],\n", 100'000) + "]\n"),
              IsOk());
}

TEST(SourceCheckTest, AcceptsManyStatements) {
  EXPECT_THAT(CheckSource("def f(x):\n" + Repeat("  x = x + 1\n", 100'000)),
              IsOk());
}

TEST(SourceCheckTest, RefusesBracketsNestedTooDeep) {
  for (const std::string pair : {"()", "[]", "{}"}) {
    const auto nested = [&](int depth) {
      return CheckSource(Repeat(pair.substr(0, 1), depth) + "1" +
                         Repeat(pair.substr(1), depth));
    };
    EXPECT_THAT(nested(kBrackets), IsOk());
    EXPECT_THAT(nested(kBrackets + 1), StatusIs(kInvalidArgument));
    EXPECT_THAT(nested(100'000), StatusIs(kInvalidArgument));
  }
}

TEST(SourceCheckTest, RefusesBlocksNestedTooDeep) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) {
      text += std::string(static_cast<size_t>(i), ' ') + "if x:\n";
    }
    return CheckSource(text);
  };
  EXPECT_THAT(nested(kBlocks), IsOk());
  EXPECT_THAT(nested(kBlocks + 1), StatusIs(kInvalidArgument));
  EXPECT_THAT(nested(3'000), StatusIs(kInvalidArgument));
}

TEST(SourceCheckTest, CountsEachElifAsABlock) {
  const auto chain = [](int count) {
    return CheckSource("if x:\n  y\n" + Repeat("elif x:\n  y\n", count));
  };
  EXPECT_THAT(chain(kBlocks - 2), IsOk());
  EXPECT_THAT(chain(kBlocks), StatusIs(kInvalidArgument));
  // Chains beside one another do not add up.
  EXPECT_THAT(CheckSource(Repeat("if x:\n  y\nelif x:\n  y\n", 10'000)),
              IsOk());
}

TEST(SourceCheckTest, LeavingABlockEndsIt) {
  EXPECT_THAT(CheckSource(Repeat("if x:\n  if y:\n    z\n", 10'000)), IsOk());
}

TEST(SourceCheckTest, RefusesChainsThatAreTooLong) {
  for (const std::string link :
       {"x + ", "- ", "not ", "x ** ", "x if y else ", "x and ", "f(x) or ",
        "1and ", "0x1and ", "1e5and ", "1jand ",
        "x == ", "def f(): ", "x for x in ", "~"}) {
    EXPECT_THAT(CheckSource("y = " + Repeat(link, 100) + "x\n"), IsOk())
        << link;
    EXPECT_THAT(CheckSource("y = " + Repeat(link, kChain + 1) + "x\n"),
                StatusIs(kInvalidArgument))
        << link;
  }
  for (const std::string link : {".T", "()", "[0]", "[0].f(1, 2)"}) {
    EXPECT_THAT(CheckSource("y = x" + Repeat(link, 100)), IsOk()) << link;
    EXPECT_THAT(CheckSource("y = x" + Repeat(link, kChain + 1)),
                StatusIs(kInvalidArgument))
        << link;
  }
}

TEST(SourceCheckTest, AddsChainsUpOverBrackets) {
  // Each bracket stays below the limit; all of them together do not.
  const std::string level = Repeat("x + ", kChain / 100) + "f(";
  EXPECT_THAT(CheckSource(Repeat(level, 50) + "x" + Repeat(")", 50)), IsOk());
  EXPECT_THAT(CheckSource(Repeat(level, 120) + "x" + Repeat(")", 120)),
              StatusIs(kInvalidArgument));
}

TEST(SourceCheckTest, FollowsContinuedLines) {
  EXPECT_THAT(CheckSource("y = " + Repeat("x + \\\n", kChain + 1) + "x\n"),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(CheckSource("y = (" + Repeat("x + \n", kChain + 1) + "x)\n"),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(CheckSource(Repeat("y = x + x\n", kChain + 1)), IsOk());
}

TEST(SourceCheckTest, ReadsTypeCommentsAsCode) {
  EXPECT_THAT(CheckSource("# type: " + Repeat("(", kBrackets + 1)),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(CheckSource("# types: " + Repeat("(", kBrackets + 1)), IsOk());
}

TEST(SourceCheckTest, RefusesTextsThatDoNotEnd) {
  const auto refused = StatusIs(kInvalidArgument);
  EXPECT_THAT(CheckSource("x = \"abc\n\""), refused);
  EXPECT_THAT(CheckSource("x = 'abc"), refused);
  EXPECT_THAT(CheckSource("x = \"\"\"abc\n\"\""), refused);
  EXPECT_THAT(CheckSource("x = 'abc\\'"), refused);
  EXPECT_THAT(CheckSource("x = 'abc\\"), refused);
  EXPECT_THAT(CheckSource("x = 'abc\\\n(((' + ''"), IsOk());
}

TEST(SourceCheckTest, RefusesBracketsThatDoNotMatch) {
  const auto refused = StatusIs(kInvalidArgument);
  EXPECT_THAT(CheckSource("x = (]"), refused);
  EXPECT_THAT(CheckSource("x = )"), refused);
  EXPECT_THAT(CheckSource("x = ("), refused);
}

TEST(SourceCheckTest, RefusesBytesThatAreNotCode) {
  const auto refused = StatusIs(kInvalidArgument);
  EXPECT_THAT(CheckSource(std::string("x\0y", 3)), refused);
  EXPECT_THAT(CheckSource("x = \xc3\xa9"), refused);
  EXPECT_THAT(CheckSource("x = '\xc3\xa9' # \xc3\xa9"), IsOk());
}

TEST(SourceCheckTest, RefusesFilesThatAreTooLong) {
  EXPECT_THAT(CheckSource("x = 1\n", {.size_max_bytes = 5}),
              StatusIs(kInvalidArgument));
}

TEST(SourceCheckTest, OutlinesItsDefinitionsAndWhatTheyName) {
  const auto outline = CheckSource(R"(op_version_set = 1
class Model(Module):
  child : __torch__.a.Child
  def forward(self: __torch__.Model, x: Tensor) -> Tensor:
    y = (__torch__ . # a comment
         b).f(x.__torch, "__torch__.no")
    return y
def free() -> __torch__:
  return 1
)");
  ASSERT_THAT(outline, IsOk());
  ASSERT_EQ(outline->size(), 2);
  EXPECT_EQ((*outline)[0].name, "Model");
  EXPECT_EQ((*outline)[0].references,
            (std::set<std::string>{"__torch__.Model", "__torch__.a.Child",
                                   "__torch__.b"}));
  EXPECT_EQ((*outline)[1].name, "free");
  EXPECT_EQ((*outline)[1].references, std::set<std::string>{"__torch__"});
}

TEST(SourceCheckTest, MeasuresEachDefinition) {
  const auto outline = CheckSource(
      "def flat():\n  x\ndef deep():\n  if x:\n    return f(g(h.i))\n");
  ASSERT_THAT(outline, IsOk());
  EXPECT_EQ((*outline)[0].depth, 2 * kBlockDepth);
  // Three blocks; two brackets and a dot.
  EXPECT_EQ((*outline)[1].depth, 3 * kBlockDepth + 3);
}

TEST(SourceCheckTest, AddsUpTheMethodsOfAClass) {
  const auto depth = [](const std::string& text) {
    return (*CheckSource(text))[0].depth;
  };
  const std::string method = "  def m(self):\n    return self.m(1)\n";
  // Three blocks; a dot and a bracket.
  const uint32_t alone = 3 * kBlockDepth + 2;
  EXPECT_EQ(depth("class M:\n" + method), 2 * kBlockDepth + alone);
  EXPECT_EQ(depth("class M:\n" + Repeat(method, 50)),
            2 * kBlockDepth + 50 * alone);
  // Functions beside one another do not.
  EXPECT_EQ(depth("def f():\n  x\ndef g():\n  x\n"), 2 * kBlockDepth);
}

TEST(SourceCheckTest, RefusesTooManyNames) {
  EXPECT_THAT(CheckSource("def f():\n  return [__torch__.a, __torch__.b]\n",
                          {.references_max = 1}),
              StatusIs(kInvalidArgument));
}

TEST(SourceCheckTest, NamesTheLine) {
  EXPECT_THAT(
      CheckSource("x = 1\n\n# one\n'''\n\n'''\ny = )").status().ToString(),
      testing::HasSubstr("line 7"));
}

}  // namespace
}  // namespace ferry::source_check_test
