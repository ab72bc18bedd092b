// A daemon that loses a simulated device in the middle of a forward: who is
// told, who goes on, and how the process ends.

#include <csignal>
#include <string>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/serve.h"
#include "tests/integration/test_daemon.h"
#include "tests/support/status_matchers.h"

namespace ferry::device_loss_test {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

size_t Count(const std::string& text, const std::string& words) {
  size_t count = 0;
  for (size_t at = text.find(words); at != std::string::npos;
       at = text.find(words, at + 1)) {
    ++count;
  }
  return count;
}

TEST(DeviceLossTest, HealthSaysSoUntilEveryModelHasADeviceThatWorks) {
  TestDaemon daemon({"--load=twice@sim:0"});
  ASSERT_THAT(daemon.started, IsOk());
  ASSERT_THAT(daemon.client->Health(), IsOk());
  daemon.sim(0).Inject({.kind = SimFault::Kind::kAssert});
  EXPECT_THAT(daemon.Run("twice", 3), StatusIs(StatusCode::kInternal));

  EXPECT_THAT(daemon.client->Health(), StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(daemon.Run("twice", 3), StatusIs(StatusCode::kUnavailable));
  const client::Device device = daemon.Device("sim:0");
  EXPECT_FALSE(device.healthy);
  EXPECT_EQ(device.error, "sim:0: a kernel asserted (injected)");
  EXPECT_EQ(daemon.client->Get("twice")->state, "PARKED");
  EXPECT_THAT(daemon.Load("counter", {"sim:0"}),
              StatusIs(StatusCode::kFailedPrecondition));
  EXPECT_THAT(daemon.daemon->metrics().Text(),
              HasSubstr("ferry_device_healthy{device=\"sim:0\"} 0\n"));

  ASSERT_THAT(daemon.Migrate("twice", {"cpu"}), IsOk());
  EXPECT_EQ(*daemon.Run("twice", 3), 7);
  EXPECT_THAT(daemon.client->Health(), IsOk());
}

TEST(DeviceLossTest, HealthStaysWellWhereOtherDevicesServe) {
  TestDaemon daemon({"--load=twice@sim:0,sim:1", "--load=counter@cpu"});
  ASSERT_THAT(daemon.started, IsOk());
  daemon.sim(0).Inject({.kind = SimFault::Kind::kAssert});
  int failed = 0;
  for (int i = 0; i < 8; ++i) failed += !daemon.Run("twice", 3).ok();
  EXPECT_EQ(failed, 1);
  EXPECT_FALSE(daemon.Device("sim:0").healthy);
  EXPECT_THAT(daemon.client->Health(), IsOk());
}

TEST(DeviceLossTest, ALookAtTheDevicesFindsOneThatFailedUnseen) {
  TestDaemon daemon({"--load=twice@sim:0"});
  ASSERT_THAT(daemon.started, IsOk());
  daemon.sim(0).Inject({.kind = SimFault::Kind::kAssert});
  daemon.sim(0).RanKernel();
  EXPECT_THAT(daemon.client->Health(), IsOk());
  EXPECT_FALSE(daemon.Device("sim:0").healthy);
  EXPECT_THAT(daemon.client->Health(), StatusIs(StatusCode::kUnavailable));
}

TEST(DeviceLossTest, IsLoggedOnce) {
  testing::internal::CaptureStderr();
  {
    TestDaemon daemon({"--load=twice@sim:0"});
    daemon.sim(0).Inject({.kind = SimFault::Kind::kAssert});
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(daemon.Run("twice", 3).ok());
    EXPECT_FALSE(daemon.Device("sim:0").healthy);
  }
  const std::string log = testing::internal::GetCapturedStderr();
  EXPECT_EQ(Count(log, "device lost device=sim:0 "), 1u) << log;
}

// ferryd with one model on sim:0, which fails. What Serve returns, if it does.
int ServeAndLose(const std::string& exit_on_device_loss) {
  const TemporaryFolder models;
  SaveScaleModel(models / "twice.pt", 2);
  const std::string folder = "--model-dir=" + models.path().string();
  const std::string exit = "--exit-on-device-loss=" + exit_on_device_loss;
  const std::vector<const char*> argv = {"ferryd",
                                         "--grpc-listen=127.0.0.1:0",
                                         folder.c_str(),
                                         "--metrics-listen=127.0.0.1:0",
                                         exit.c_str(),
                                         "--devices=cpu=64MiB,sim:0=16MiB",
                                         "--load=twice@sim:0"};
  const auto config = ParseConfig(static_cast<int>(argv.size()), argv.data(),
                                  [](const char*) { return nullptr; });
  const auto signal = StopSignal::Create();
  return Serve(*config, **signal, [&](Daemon& daemon) {
    auto& sim = dynamic_cast<SimDevice&>(
        **daemon.devices().Find({.kind = DeviceKind::kSim, .index = 0}));
    sim.Inject({.kind = SimFault::Kind::kAssert});
    sim.RanKernel();
    (void)daemon.metrics().Text();  // A scrape sees it.
    if (exit_on_device_loss == "false") kill(getpid(), SIGTERM);
  });
}

constexpr int kServeReturned = 100;

TEST(DeviceLossDeathTest, EndsTheProcessWithOneWhenToldTo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  // Serve leaves the daemon behind: a driver may not let go of a device that
  // has failed.
  EXPECT_EXIT(std::_Exit(kServeReturned + ServeAndLose("true")),
              testing::ExitedWithCode(1),
              "ferryd: --exit-on-device-loss: sim:0: a kernel asserted");
}

TEST(DeviceLossDeathTest, ServesOnUntilItIsStoppedWhenNotTold) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(std::_Exit(kServeReturned + ServeAndLose("false")),
              testing::ExitedWithCode(kServeReturned),
              "device lost device=sim:0 .*draining signal=15");
}

}  // namespace
}  // namespace ferry::device_loss_test
