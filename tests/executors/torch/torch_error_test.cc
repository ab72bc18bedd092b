// Messages as LibTorch writes them, and the sentence that people get.

#include "server/executors/torch/torch_error.h"

#include <new>

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::torch_error_test {
namespace {

constexpr std::string_view kTorchScript =
    "The following operation failed in the TorchScript interpreter.\n"
    "Traceback of TorchScript, serialized code (most recent call last):\n"
    "  File \"code/__torch__/m.py\", line 9, in forward\n"
    "      ops.prim.RaiseException(\"the input is negative\")\n"
    "      ~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE\n"
    "builtins.RuntimeError: the input is negative\n";

TEST(TorchErrorTest, TheLastSentenceOfCodeThatRanIsItsError) {
  EXPECT_EQ(LastSentence(kTorchScript), "the input is negative");
  EXPECT_EQ(LastSentence("RuntimeError: sizes differ\n[1] and [2]\n"),
            "sizes differ");
  EXPECT_EQ(LastSentence("one\ntwo\n\n"), "two");
}

TEST(TorchErrorTest, TheFirstSentenceOfALoadIsItsError) {
  EXPECT_EQ(FirstSentence("\nUnknown builtin op: aten::nope.\nCould not find"),
            "Unknown builtin op: aten::nope.");
}

TEST(TorchErrorTest, NoBacktraceReachesPeople) {
  EXPECT_EQ(LastSentence("bad shape\nException raised from f at /pytorch/x.cpp"
                         "\nframe #0: c10::Error"),
            "bad shape");
  EXPECT_EQ(FirstSentence(""), "no reason given");
}

TEST(TorchErrorTest, NoAdviceForProgrammersOfCudaReachesPeople) {
  EXPECT_EQ(LastSentence(
                "CUDA error: no kernel image is available for execution on the "
                "device\nSearch for `cudaErrorNoKernelImageForDevice' in "
                "https://docs.nvidia.com/cuda/cuda-runtime-api for more "
                "information.\nCUDA kernel errors might be asynchronously "
                "reported at some other API call\n"),
            "CUDA error: no kernel image is available for execution on the "
            "device");
}

absl::Status StatusOf(void (*thrower)()) {
  try {
    thrower();
  } catch (...) {
    return CurrentExceptionStatus(absl::StatusCode::kInternal, LastSentence);
  }
  return absl::OkStatus();
}

TEST(TorchErrorTest, TheKindOfExceptionDecidesTheCode) {
  EXPECT_THAT(StatusOf([] { throw std::bad_alloc(); }),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(StatusOf([] {
                TORCH_CHECK_WITH(OutOfMemoryError, false, "sim:0 is full");
              }),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(StatusOf([] { throw StatusError(absl::DataLossError("x")); }),
              StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(StatusOf([] { throw 1; }), StatusIs(absl::StatusCode::kInternal));
  const absl::Status plain = StatusOf([] { TORCH_CHECK(false, "one\ntwo"); });
  EXPECT_THAT(plain, StatusIs(absl::StatusCode::kInternal));
  EXPECT_EQ(plain.message(), "two");
}

}  // namespace
}  // namespace ferry::torch_error_test
