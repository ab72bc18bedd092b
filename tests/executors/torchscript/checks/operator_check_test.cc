// Code that reaches outside the process, wherever it hides.

#include "server/executors/torchscript/checks/operator_check.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"

namespace ferry::operator_check_test {
namespace {

using ::testing::HasSubstr;

absl::Status Check(const std::string& source) {
  const torch::jit::Module module = Scripted(source);
  return OperatorCheck().Check(*module._ivalue()->compilation_unit());
}

TEST(OperatorCheckTest, OrdinaryCodePasses) {
  EXPECT_THAT(Check("def forward(self, x):\n"
                    "    print(x)\n"
                    "    return torch.relu(x) + self.weight\n"),
              IsOk());
}

TEST(OperatorCheckTest, FilesAreRefusedByTheOperatorsName) {
  const absl::Status writes = Check(
      "def forward(self, x):\n"
      "    torch.save(x, \"/tmp/x\")\n"
      "    return x\n");
  EXPECT_THAT(writes, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(writes.message()), HasSubstr("aten::save"));
  const absl::Status reads = Check(
      "def forward(self, x):\n"
      "    return torch.from_file(\"/tmp/x\", False, 4)\n");
  EXPECT_THAT(std::string(reads.message()), HasSubstr("aten::from_file"));
}

TEST(OperatorCheckTest, SoAreOtherMachinesAndRawAddresses) {
  EXPECT_THAT(Check("def forward(self, x):\n"
                    "    return _c10d_functional.all_reduce("
                    "x, \"sum\", \"g\")\n"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Check("def forward(self, x):\n"
                    "    return inductor._reinterpret_tensor("
                    "x, [100], [1], 50)\n"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(OperatorCheckTest, MethodsThatForwardNeverCallsAreCheckedToo) {
  const absl::Status hidden = Check(
      "def forward(self, x):\n"
      "    return x\n"
      "def other(self, x):\n"
      "    for i in range(3):\n"
      "        if i > 1:\n"
      "            torch.save(x, \"/tmp/x\")\n"
      "    return x\n");
  EXPECT_THAT(hidden, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(hidden.message()), HasSubstr("other"));
}

TEST(OperatorCheckTest, ThreadsOfTheModelsOwnAreRefused) {
  torch::jit::Module module("Forks");
  module.define(
      "def work(self, x):\n"
      "    return x + 1\n"
      "def forward(self, x):\n"
      "    return wait(fork(self.work, x))\n",
      Names());
  EXPECT_THAT(OperatorCheck().Check(*module._ivalue()->compilation_unit()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(OperatorCheckTest, OnlyPackedWeightsMayBeCxxClasses) {
  EXPECT_THAT(CheckNativeClass(
                  "__torch__.torch.classes.quantized.LinearPackedParamsBase"),
              IsOk());
  EXPECT_THAT(CheckNativeClass("__torch__.torch.classes._nnapi.Compilation"),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckNativeClass("__torch__.my.Module"), IsOk());
}

}  // namespace
}  // namespace ferry::operator_check_test
