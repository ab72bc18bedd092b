// Which programs sources of weights are opened as.

#include "server/executors/open_program.h"

#include <span>

#include <gtest/gtest.h>

#include "tests/executors/model_file.h"
#include "tests/support/status_matchers.h"

namespace ferry::open_program_test {
namespace {

using testing::HasSubstr;

TEST(OpenProgramTest, AnArchiveOfTorchScriptIsAProgram) {
  SKIP_WITHOUT_MODELS();
  const Devices devices;
  const auto archive = OpenArchive(ModelsFolder() + "/mlp.pt");
  const WeightsSource& source = *archive;
  const auto program = OpenProgram(source, nullptr, {}, {});
  ASSERT_THAT(program, IsOk());
  EXPECT_EQ((*program)->platform(), "pytorch_torchscript");
}

// As a file of weights will be, once those are read.
struct OnlyWeights final : WeightsSource {
  const ImageLayout& layout() const override { return layout_; }
  std::span<const File> files() const override { return {&file_, 1}; }
  ImageLayout layout_;
  File file_{-1, "weights.bin"};
};

TEST(OpenProgramTest, WeightsWithoutAProgramAreRefused) {
  const auto program = OpenProgram(OnlyWeights(), nullptr, {}, {});
  EXPECT_THAT(program, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(std::string(program.status().message()),
              HasSubstr("weights.bin: it has weights and no program"));
}

}  // namespace
}  // namespace ferry::open_program_test
