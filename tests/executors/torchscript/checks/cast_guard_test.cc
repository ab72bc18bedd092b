// Casts that a file may write, and those that LibTorch writes.

#include "server/executors/torchscript/checks/cast_guard.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>
#include <torch/csrc/jit/serialization/import.h>

#include "absl/strings/str_cat.h"

#include "server/executors/torch/start_libtorch.h"
#include "server/executors/torch/torch_error.h"
#include "server/executors/torchscript/graph/graph_walk.h"
#include "tests/executors/model_file.h"
#include "tests/executors/scripted.h"
#include "tests/executors/written_module.h"
#include "tests/support/status_matchers.h"
#include "tests/support/torch_models.h"

namespace ferry {
namespace {

using ::testing::HasSubstr;

// A module whose "part" is a Small, with that body of forward.
absl::StatusOr<LoadedModule> LoadCast(const std::string& body) {
  const std::string code = absl::StrCat(
      "class Small:\n  a : int\n"
      "class Big:\n  a : int\n  b : int\n  c : int\n  d : int\n"
      "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
      "  part : __torch__.Small\n"
      "  def forward(self: __torch__.M, x: Tensor) -> int:\n",
      body);
  return LoadWritten(
      code,
      pickle::Object(
          "M", pickle::Dict(
                   {pickle::Str("part"),
                    pickle::Object("Small", pickle::Dict({pickle::Str("a"),
                                                          pickle::Int(3)}))})));
}

absl::StatusOr<int64_t> RunCast(const LoadedModule& loaded) {
  try {
    return loaded.object->type()
        ->getMethod("forward")({loaded.object, at::ones({1})})
        .toInt();
  } catch (...) {
    return CurrentExceptionStatus(absl::StatusCode::kInternal, LastSentence);
  }
}

TEST(CastGuardTest, ACastToAnUnrelatedClassIsRefusedAtLoad) {
  const absl::Status status =
      LoadCast(
          "    part = unchecked_cast(__torch__.Big, self.part)\n"
          "    return part.d\n")
          .status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("in __torch__.M.forward: a cast of __torch__.Small to "
                        "__torch__.Big, which it is not"));
}

TEST(CastGuardTest, ACastOfAnyLooksBeforeItIsBelieved) {
  StartLibTorch(1);
  const auto cast = [](const std::string& type, const std::string& attribute) {
    return absl::StrCat(
        "    any = annotate(Any, self.part)\n    part = unchecked_cast(", type,
        ", any)\n    return part.", attribute, "\n");
  };
  const auto wrong = LoadCast(cast("__torch__.Big", "d"));
  ASSERT_THAT(wrong, IsOk());
  const auto refused = RunCast(*wrong);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("a cast of __torch__.Small to __torch__.Big"));
  const auto right = LoadCast(cast("__torch__.Small", "a"));
  ASSERT_THAT(right, IsOk());
  EXPECT_EQ(*RunCast(*right), 3);
}

TEST(CastGuardTest, LibTorchsOwnCastsPass) {
  TemporaryFolder folder;
  Devices devices;
  Scripted(
      "def forward(self, x, y: Optional[Tensor]=None, z: int=1):\n"
      "    a: Optional[Tuple[Tensor, Tensor]] = None\n"
      "    if z > 0:\n"
      "        a = (x, self.weight)\n"
      "    if y is not None:\n"
      "        x = x + y\n"
      "    if a is not None:\n"
      "        x = x + a[1]\n"
      "    return x\n")
      .save(folder / "m.pt");
  const ServedModel model = Serve(folder / "m.pt", devices.cpu, devices);
  ASSERT_NE(model.instance, nullptr);
  int casts = 0;
  const torch::jit::Module module = torch::jit::load(folder / "m.pt");
  ForEachNode(*module.get_method("forward").graph(),
              [&](torch::jit::Node* node) {
                casts += node->kind() == c10::prim::unchecked_cast;
              });
  EXPECT_GE(casts, 2);
}

TEST(CastGuardTest, GuardsEachCastOnce) {
  const auto loaded = LoadCast(
      "    any = annotate(Any, self.part)\n"
      "    return unchecked_cast(__torch__.Small, any).a\n");
  ASSERT_THAT(loaded, IsOk());
  const auto graph =
      torch::jit::toGraphFunction(loaded->object->type()->getMethod("forward"))
          .graph();
  EXPECT_EQ(CountNodes(*graph, kCastGuard), 1);
  ASSERT_THAT(GuardCasts(*loaded->unit), IsOk());
  EXPECT_EQ(CountNodes(*graph, kCastGuard), 1);
}

}  // namespace
}  // namespace ferry
