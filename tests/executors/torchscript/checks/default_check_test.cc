// Texts with one default or class constant each: what torch.jit.save prints
// for values of every type, then what LibTorch would run at import.

#include "server/executors/torchscript/checks/default_check.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::default_check_test {
namespace {

using absl::StatusCode::kInvalidArgument;
using testing::HasSubstr;

absl::Status Check(const std::string& text) {
  DefaultCheck check;
  check.Add("__torch__",
            std::make_shared<torch::jit::Source>(text, "code/__torch__.py", 1));
  return check.Check();
}

// The same value as an argument's default, in a method and in a function, and
// as a constant.
std::vector<std::string> Texts(const std::string& value) {
  return {
      "class M(Module):\n  training : bool\n"
      "  def forward(self: __torch__.M,\n    x: Tensor,\n    y: T=" +
          value + ") -> Tensor:\n    return x\n",
      "op_version_set = 1\nimport __torch__.a\ndef f(y: T=" + value +
          ") -> int:\n  return 1\n",
      "class M(Module):\n  c : Final[T] = " + value + "\n"};
}

TEST(DefaultCheckTest, AcceptsWhatTorchPrints) {
  for (const char* value : {"1",
                            "-1",
                            "2.",
                            "-1.5e-05",
                            "inf",
                            "-inf",
                            "nan",
                            "1.-2.j",
                            "-0.+1.j",
                            "True",
                            "None",
                            "\"a\"",
                            "[1, 2]",
                            "[-inf, None]",
                            "(1, 2.)",
                            "(True,)",
                            "()",
                            "{\"a\": 1}",
                            "{1: (\"a\", [CONSTANTS.c0])}",
                            "annotate(List[int], [])",
                            "annotate(Dict[str, __torch__.P], {})",
                            "CONSTANTS.c12",
                            "[CONSTANTS.c0, CONSTANTS.c1]",
                            "__torch__.Color.RED",
                            "torch.device(\"cuda:0\")",
                            "float(\"inf\")"}) {
    for (const std::string& text : Texts(value)) {
      EXPECT_THAT(Check(text), IsOk()) << text;
    }
  }
}

TEST(DefaultCheckTest, AcceptsAttributesAndTheirTypes) {
  EXPECT_THAT(Check("class M(Module):\n"
                    "  __parameters__ = [\"weight\", ]\n"
                    "  __buffers__ = []\n"
                    "  weight : Tensor\n"
                    "  __annotations__[\"0\"] = List[__torch__.a.B]\n"),
              IsOk());
}

TEST(DefaultCheckTest, RefusesWhatRuns) {
  for (const char* value :
       {"torch.save(1, \"/tmp/x\")",
        "ops.aten.save(1, \"/tmp/x\")",
        "torch.from_file(\"/etc/passwd\", False, 8)",
        "ops.inductor._reinterpret_tensor(CONSTANTS.c0, [9], [1], 50)",
        "len([i for i in range(9223372036854775807)])",
        "[i for i in [1]]",
        "{i: i for i in [1]}",
        "[0] * 1000000000",
        "[1] + [2]",
        "CONSTANTS.c0 + CONSTANTS.c0",
        "-CONSTANTS.c0",
        "not 1",
        "CONSTANTS.c0.T",
        "CONSTANTS.c0[0]",
        "1 if True else 2",
        "x.y",
        "torch.ones([1])",
        "torch.device(torch.f())",
        "float(CONSTANTS.c0)",
        "int(\"1\")",
        "__torch__.f(1)",
        "annotate(int, torch.f())",
        "annotate(torch.f())",
        "(torch.f(),)",
        "[torch.f()]",
        "{\"a\": torch.f()}",
        "{torch.f(): 1}",
        "-torch.f()",
        "1 - torch.f()",
        "torch.device(\"cpu\", index=torch.f())",
        "(torch.f)(1)"}) {
    for (const std::string& text : Texts(value)) {
      EXPECT_THAT(Check(text), StatusIs(kInvalidArgument)) << text;
    }
  }
}

TEST(DefaultCheckTest, FollowsFunctionsThatAreDefinedWithinOthers) {
  EXPECT_THAT(Check("def f(x: int) -> int:\n"
                    "  if True:\n"
                    "    def g(y: int=torch.f()) -> int:\n"
                    "      return y\n"
                    "  return x\n"),
              StatusIs(kInvalidArgument));
}

TEST(DefaultCheckTest, OnlyANamedTupleIsMade) {
  const std::string user =
      "def f(p: T=__torch__.a.P(1, 2.)) -> int:\n"
      "  return 1\n";
  const auto check = [&](const std::string& module, const std::string& text) {
    DefaultCheck check;
    check.Add("__torch__",
              std::make_shared<torch::jit::Source>(user, "code/u.py", 1));
    check.Add(module,
              std::make_shared<torch::jit::Source>(text, "code/p.py", 1));
    return check.Check();
  };
  const std::string fields = "  a : int\n  b : float\n";
  EXPECT_THAT(check("__torch__.a", "class P(NamedTuple):\n" + fields), IsOk());
  EXPECT_THAT(check("__torch__.a", "class P(Module):\n" + fields),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(check("__torch__.b", "class P(NamedTuple):\n" + fields),
              StatusIs(kInvalidArgument));
  // LibTorch would take its own class of that name.
  EXPECT_THAT(Check("class P(NamedTuple):\n" + fields +
                    "def f(p: T=__torch__.torch.classes.a.P(1)) -> int:\n"
                    "  return 1\n"),
              StatusIs(kInvalidArgument));
}

TEST(DefaultCheckTest, NamesTheLineAndWhatStandsThere) {
  const absl::Status status =
      Check("def f(x: int,\n    y: int=torch.f(1)) -> int:\n  return 1\n");
  // Where LibTorch says that the call ends.
  EXPECT_EQ(std::string(status.message()),
            "record code/__torch__.py: line 2: a default or constant is "
            "\"torch.f(1\", which would run at load; only literals are "
            "served");
}

}  // namespace
}  // namespace ferry::default_check_test
