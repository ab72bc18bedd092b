// A GPU that fails: a kernel's assertion ends its context. The model says so,
// the device is known as failed, health sees it, and the cpu goes on. On a
// simulated device the assertion is injected.
//
// It leaves the process without that GPU, so it runs in one of its own: this
// file's tests are left out unless they are asked for by name, one at a time.

#include <filesystem>
#include <vector>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "tests/executors/model_file.h"
#include "tests/gpu/checked_device.h"
#include "tests/gpu/served_model.h"
#include "tests/integration/test_daemon.h"
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
  EXPECT_THAT(pool.Run("scale", 2), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(pool.Migrate("scale", {device}),
              StatusIs(absl::StatusCode::kFailedPrecondition));

  // The host copy is whole: the model moves away, and answers again.
  ASSERT_THAT(pool.Migrate("scale", {"cpu"}), IsOk());
  EXPECT_EQ(*pool.Run("scale", 2), 7);
  EXPECT_THAT(pool.Unload("lm"), IsOk());
}

TEST(EndOfDeviceTest, IsSeenByHealthAndModelsGoOnElsewhere) {
  const std::string device = CheckedDevice().ToString();
  TestDaemon daemon({absl::StrCat("--devices=cpu=256MiB,", device, "=256MiB")});
  ASSERT_THAT(daemon.started, IsOk());
  SaveLookupModel(daemon.models / "lookup.pt", 16);
  ASSERT_THAT(daemon.Load("lookup", {device}), IsOk());
  ASSERT_THAT(daemon.Load("twice", {device}), IsOk());
  EXPECT_EQ(*daemon.Run("lookup", 5), 5);
  ASSERT_THAT(daemon.client->Health(), IsOk());

  if (!ChecksGpu()) daemon.sim(0).Inject({.kind = SimFault::Kind::kAssert});
  EXPECT_THAT(daemon.Run("lookup", ChecksGpu() ? 1e6F : 5),
              StatusIs(absl::StatusCode::kInternal));
  const client::Device lost = daemon.Device(device);
  EXPECT_FALSE(lost.healthy);
  Report(absl::StrCat("after an assertion ", device, " says: ", lost.error));
  EXPECT_THAT(daemon.client->Health(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(daemon.Run("twice", 3), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(daemon.Load("counter", {device}),
              StatusIs(absl::StatusCode::kFailedPrecondition));

  for (const char* model : {"lookup", "twice"}) {
    ASSERT_THAT(daemon.Migrate(model, {"cpu"}), IsOk());
  }
  EXPECT_EQ(*daemon.Run("lookup", 5), 5);
  EXPECT_EQ(*daemon.Run("twice", 3), 7);
  EXPECT_THAT(daemon.client->Health(), IsOk());
}

}  // namespace
}  // namespace ferry::failure_test
