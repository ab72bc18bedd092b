// A GPU that fails: a kernel's assertion ends its context. The model says so,
// the device is known as failed, and the cpu goes on.
//
// It leaves the process without that GPU, so it runs in one of its own: this
// file's tests are left out unless they are asked for by name.

#include <filesystem>
#include <vector>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "tests/executors/model_file.h"
#include "tests/gpu/checked_device.h"
#include "tests/gpu/served_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_pool.h"
#include "tests/support/torch_models.h"

namespace ferry::failure_test {
namespace {

TEST(EndOfDeviceTest, IsNotTheEndOfTheDaemon) {
  if (!ChecksGpu()) GTEST_SKIP() << "kernels assert on a GPU only";
  SKIP_WITHOUT_MODELS();
  const std::string device = CheckedDevice().ToString();
  TestPool pool("cpu=256MiB," + device + "=256MiB");
  SaveScaleModel(pool.models / "scale.pt", 3);
  std::filesystem::copy_file(ModelsFolder() + "/lm_tied.pt",
                             pool.models / "lm.pt");
  ASSERT_THAT(pool.Load("scale", {device}), IsOk());
  ASSERT_THAT(pool.Load("lm", {device}), IsOk());
  EXPECT_EQ(*pool.Run("scale", 2), 7);

  // No embedding has this number.
  const auto answer = Ask(pool, "lm", {at::full({2, 9}, 1 << 30, at::kLong)});
  EXPECT_THAT(answer, StatusIs(absl::StatusCode::kInternal));
  const absl::Status health = pool.devices->devices().back()->Health();
  EXPECT_THAT(health, StatusIs(absl::StatusCode::kInternal));
  Report(std::string(health.message()));
  EXPECT_THAT(pool.Run("scale", 2), StatusIs(absl::StatusCode::kInternal));

  // The host copy is whole: the model moves away, and answers again.
  ASSERT_THAT(pool.Migrate("scale", {"cpu"}), IsOk());
  EXPECT_EQ(*pool.Run("scale", 2), 7);
  EXPECT_THAT(pool.Unload("lm"), IsOk());
}

}  // namespace
}  // namespace ferry::failure_test
