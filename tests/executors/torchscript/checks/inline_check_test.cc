// Chains of functions, broad and deep, counted without being inlined.

#include "server/executors/torchscript/checks/inline_check.h"

#include <string>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"

namespace ferry::inline_check_test {
namespace {

// f0(x) returns x + 1; each further one calls the one before `times` times.
absl::Status CheckChain(int functions, int times) {
  std::string source = "def f0(self, x):\n    return x + 1\n";
  for (int i = 1; i < functions; ++i) {
    absl::StrAppend(&source, "def f", i, "(self, x):\n");
    for (int j = 0; j < times; ++j) {
      absl::StrAppend(&source, "    x = self.f", i - 1, "(x)\n");
    }
    absl::StrAppend(&source, "    return x\n");
  }
  const torch::jit::Module module = Scripted(source);
  return CheckInlining(*module._ivalue()->compilation_unit());
}

TEST(InlineCheckTest, OrdinaryCallsPass) {
  EXPECT_THAT(CheckChain(10, 3), IsOk());
  EXPECT_THAT(CheckChain(100, 1), IsOk());
}

TEST(InlineCheckTest, CallsThatDoubleAtEachLevelAreRefused) {
  EXPECT_THAT(CheckChain(40, 2), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(InlineCheckTest, CallsThatAreTooDeepAreRefused) {
  EXPECT_THAT(CheckChain(kCallDepthMax + 10, 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace ferry::inline_check_test
