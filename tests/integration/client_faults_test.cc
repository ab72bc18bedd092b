// Clients that go away in the middle of what they asked for: it is undone.

#include <csignal>
#include <spawn.h>
#include <stop_token>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include "server/base/worker.h"
#include "tests/integration/faults_fixture.h"

namespace ferry::client_faults_test {
namespace {

using absl::StatusCode;
using testing::ElementsAre;

class ClientFaultsTest : public FaultsTest {
 protected:
  // Until the server has heard that the client of a move went away: it is told
  // on the same connection as what follows, and handles it soon after.
  void AwaitCancellation() {
    for (int i = 0; i < 200; ++i) EXPECT_THAT(client_.List(), IsOk());
  }
};

TEST_F(ClientFaultsTest, AClientThatDisconnectsInTheMiddleOfALoad) {
  daemon_.sim(0).Inject({.kind = SimFault::Kind::kStall});
  std::stop_source stop;
  absl::Status ended;
  {
    const Worker loader("loader", [&] {
      ended = daemon_.Load("counter", {"sim:0"}, "", stop.get_token()).status();
    });
    daemon_.sim(0).faults().AwaitStall();
    stop.request_stop();
  }
  EXPECT_THAT(ended, StatusIs(StatusCode::kCancelled));
  AwaitCancellation();
  daemon_.sim(0).faults().Release();
  // The undoing ends when the name is free again.
  absl::StatusOr<client::Model> model = client_.Get("counter");
  for (; model.ok() && model->state == "LOADING";
       model = client_.Get("counter")) {
    std::this_thread::yield();
  }
  EXPECT_THAT(model, StatusIs(StatusCode::kNotFound));
}

TEST_F(ClientFaultsTest, AClientThatDisconnectsInTheMiddleOfAMove) {
  ASSERT_THAT(daemon_.Load("counter", {"cpu"}), IsOk());
  EXPECT_EQ(*daemon_.Run("counter", 10), 10);
  daemon_.sim(0).Inject({.kind = SimFault::Kind::kStall});
  std::stop_source stop;
  {
    const Worker mover("mover", [&] {
      EXPECT_THAT(daemon_.Migrate("counter", {"sim:0"}, stop.get_token()),
                  StatusIs(StatusCode::kCancelled));
    });
    daemon_.sim(0).faults().AwaitStall();
    stop.request_stop();
  }
  AwaitCancellation();
  daemon_.sim(0).faults().Release();
  while (client_.Get("counter")->state != "SERVING") std::this_thread::yield();
  EXPECT_THAT(client_.Get("counter")->serving_on, ElementsAre("cpu"));
  EXPECT_EQ(*daemon_.Run("counter", 10), 11);
  ASSERT_THAT(client_.Unload("counter"), IsOk());
}

// Ferryctl, in a process of its own that dies without a word.
class Ferryctl {
 public:
  explicit Ferryctl(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), FERRYCTL);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    EXPECT_EQ(
        posix_spawn(&pid_, FERRYCTL, nullptr, nullptr, argv.data(), environ),
        0);
  }
  void Kill() {
    ASSERT_EQ(kill(pid_, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(pid_, &status, 0), pid_);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it had ended already";
  }

 private:
  pid_t pid_ = 0;
};

// Not of the fixture: a process has one daemon with simulated devices.
TEST(ProcessFaultsTest, AProcessThatDiesInTheMiddleOfAMove) {
  // Ten seconds of copying, which nobody waits for.
  TestDaemon slow({"--devices=cpu=128MiB,sim:0=64MiB@4MBps"});
  SaveScaleModel(slow.models / "large.pt", 2, uint64_t{40} << 20);
  const std::string server = "--server=" + slow.daemon->grpc_address();
  const auto state = [&] {
    const auto model = slow.client->Get("large");
    return model.ok() ? model->state : "";
  };

  Ferryctl load({server, "load", "large", "--device=sim:0"});
  while (state() != "LOADING") std::this_thread::yield();
  load.Kill();
  while (state() == "LOADING") std::this_thread::yield();
  EXPECT_EQ(state(), "");
  EXPECT_EQ(slow.Device("sim:0").used_bytes, 0);
  EXPECT_EQ(slow.Device("cpu").used_bytes, 0);

  ASSERT_THAT(slow.Load("large", {"cpu"}), IsOk());
  Ferryctl migrate({server, "migrate", "large", "--to=sim:0"});
  while (state() != "MIGRATING") std::this_thread::yield();
  migrate.Kill();
  while (state() == "MIGRATING") std::this_thread::yield();
  EXPECT_EQ(state(), "SERVING");
  EXPECT_THAT(slow.client->Get("large")->serving_on, ElementsAre("cpu"));
  EXPECT_EQ(slow.Device("sim:0").used_bytes, 0);
  EXPECT_EQ(*slow.Run("large", 3), 7);
}

}  // namespace
}  // namespace ferry::client_faults_test
