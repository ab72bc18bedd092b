// Load, infer, migrate and watch through the wire, as a user does.

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "absl/strings/str_cat.h"

#include "server/base/unique_fd.h"
#include "server/base/worker.h"
#include "tests/integration/test_daemon.h"
#include "tests/support/status_matchers.h"

namespace ferry::serving_test {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class ServingTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(daemon_.started, IsOk()); }

  TestDaemon daemon_;
  client::Client& client_ = *daemon_.client;
};

TEST_F(ServingTest, LoadsInfersMigratesAndUnloads) {
  const auto loaded = daemon_.Load("twice", {"cpu"});
  ASSERT_THAT(loaded, IsOk());
  EXPECT_EQ(loaded->model.state, "SERVING");
  EXPECT_TRUE(loaded->report->verified);
  EXPECT_EQ(*daemon_.Run("twice", 3), 7);

  const auto moved = daemon_.Migrate("twice", {"sim:0"});
  ASSERT_THAT(moved, IsOk());
  EXPECT_THAT(moved->model.serving_on, ElementsAre("sim:0"));
  const auto answer = daemon_.Infer("twice", {{"x", TestDaemon::Floats({3})}});
  ASSERT_THAT(answer, IsOk());
  EXPECT_EQ(answer->device, "sim:0");
  EXPECT_EQ(*daemon_.Run("twice", 3), 7);

  EXPECT_THAT(client_.Get("twice", 1), IsOk());
  EXPECT_THAT(client_.Get("twice", 2), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(
      client_.Migrate({.name = "twice", .devices = {"cpu"}, .version = 2}),
      StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(client_.Unload("twice", 2),
              StatusIs(absl::StatusCode::kNotFound));
  ASSERT_THAT(client_.Unload("twice", 1), IsOk());
  EXPECT_THAT(client_.Get("twice"), StatusIs(absl::StatusCode::kNotFound));
  for (const char* device : {"cpu", "sim:0", "sim:1"}) {
    EXPECT_EQ(daemon_.Device(device).used_bytes, 0) << device;
  }
}

TEST_F(ServingTest, AnswersStayRightWhileModelsMoveUnderLoad) {
  ASSERT_THAT(daemon_.Load("twice", {"cpu"}), IsOk());
  std::atomic<bool> stop{false};
  std::atomic<int> right{0};
  std::atomic<int> wrong{0};
  {
    std::vector<std::unique_ptr<Worker>> clients;
    for (int i = 0; i < 3; ++i) {
      clients.push_back(std::make_unique<Worker>("client", [&, i] {
        while (!stop) {
          const auto y = daemon_.Run("twice", static_cast<float>(i));
          ++(y.ok() && *y == 2.0F * i + 1 ? right : wrong);
        }
      }));
    }
    for (int i = 0; i < 30; ++i) {
      const char* to = i % 3 == 0 ? "sim:0" : i % 3 == 1 ? "sim:1" : "cpu";
      EXPECT_THAT(daemon_.Migrate("twice", {to}), IsOk());
    }
    stop = true;
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(right, 0);
}

TEST_F(ServingTest, AnswersWhileACopyStandsStill) {
  ASSERT_THAT(daemon_.Load("twice", {"cpu"}), IsOk());
  for (const char* from : {"cpu", "sim:1"}) {
    ASSERT_THAT(daemon_.Migrate("twice", {from}), IsOk());
    SimDevice& to = daemon_.sim(0);
    to.Inject({.kind = SimFault::Kind::kStall});
    {
      const Worker move("move", [&] {
        EXPECT_THAT(daemon_.Migrate("twice", {"sim:0"}), IsOk());
      });
      to.faults().AwaitStall();
      const auto answer =
          daemon_.Infer("twice", {{"x", TestDaemon::Floats({3})}});
      EXPECT_THAT(answer, IsOk());
      EXPECT_EQ(answer.ok() ? answer->device : "", from);
      EXPECT_EQ(*daemon_.Run("twice", 3), 7);
      to.faults().Release();
    }
    EXPECT_EQ(*daemon_.Run("twice", 3), 7);
  }
}

TEST_F(ServingTest, AStatefulModelGoesOnWhereItStood) {
  ASSERT_THAT(daemon_.Load("counter", {"cpu"}), IsOk());
  EXPECT_TRUE(client_.Get("counter")->stateful);
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(*daemon_.Run("counter", 100), 100.0F + i);
    const char* to = i % 3 == 0 ? "sim:0" : i % 3 == 1 ? "sim:1" : "cpu";
    EXPECT_THAT(daemon_.Migrate("counter", {to}), IsOk());
  }
}

TEST_F(ServingTest, WatchersSeeAModelComeMoveAndGo) {
  std::set<std::string> states;
  std::atomic<bool> removed{false};
  std::stop_source stop;
  std::promise<void> complete;
  std::atomic<bool> told{false};
  std::unique_ptr<Worker> watcher = std::make_unique<Worker>("watch", [&] {
    const absl::Status ended = client_.Watch(
        {},
        [&](const client::ModelChange& change) {
          if (change.snapshot_complete && !told.exchange(true)) {
            complete.set_value();
          }
          if (change.removed) {
            removed = true;
            stop.request_stop();
          } else {
            states.insert(change.model.state);
          }
        },
        stop.get_token());
    EXPECT_THAT(ended, IsOk());
  });
  // An empty server has nothing to show first; any change ends the wait too.
  ASSERT_THAT(daemon_.Load("twice", {"cpu"}), IsOk());
  ASSERT_THAT(daemon_.Migrate("twice", {"sim:0"}), IsOk());
  ASSERT_THAT(client_.Unload("twice"), IsOk());
  watcher.reset();
  EXPECT_TRUE(removed);
}

TEST_F(ServingTest, ListsMovesWithTheirFigures) {
  ASSERT_THAT(daemon_.Load("twice", {"cpu"}), IsOk());
  ASSERT_THAT(daemon_.Migrate("twice", {"sim:1"}), IsOk());
  const auto moves = client_.Moves();
  ASSERT_THAT(moves, IsOk());
  ASSERT_EQ(moves->size(), 2);
  const client::MoveReport& move = moves->front();
  EXPECT_THAT(move.from, ElementsAre("cpu"));
  EXPECT_THAT(move.to, ElementsAre("sim:1"));
  EXPECT_GT(move.size_bytes, 0);
  EXPECT_GT(move.bytes_per_second, 0);
  EXPECT_EQ(move.code, "OK");
  EXPECT_TRUE(move.verified);
}

TEST_F(ServingTest, MetricsShowExactBytesAndEveryMove) {
  ASSERT_THAT(daemon_.Load("twice", {"sim:0"}), IsOk());
  EXPECT_EQ(*daemon_.Run("twice", 3), 7);
  const std::string text = daemon_.daemon->metrics().Text();
  const uint64_t used = daemon_.Device("sim:0").used_bytes;
  for (const std::string& line :
       {absl::StrCat("ferry_model_bytes{model=\"twice\",device=\"sim:0\"} ",
                     used),
        absl::StrCat("ferry_device_used_bytes{device=\"sim:0\"} ", used),
        std::string("ferry_models{state=\"SERVING\"} 1"),
        std::string(
            "ferry_infer_requests_total{code=\"OK\",model=\"twice\"} 1"),
        std::string("ferry_moves_total{code=\"OK\",from=\"disk\",to=\"sim:0\"} "
                    "1")}) {
    EXPECT_NE(text.find(line + "\n"), std::string::npos) << line;
  }
}

TEST_F(ServingTest, CountersAreThereBeforeTheyCount) {
  const std::string text = daemon_.daemon->metrics().Text();
  for (const char* line :
       {"ferry_verify_failures_total{device=\"cpu\"} 0",
        "ferry_verify_failures_total{device=\"sim:0\"} 0",
        "ferry_moves_total{code=\"OK\",from=\"disk\",to=\"cpu\"} 0",
        "ferry_moves_total{code=\"INTERNAL\",from=\"cpu\",to=\"sim:1\"} 0",
        "ferry_moves_total{code=\"DATA_LOSS\",from=\"sim:1\",to=\"sim:0\"} "
        "0"}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat(line, "\n")));
  }
  EXPECT_THAT(text, Not(HasSubstr("code=\"OK\",from=\"cpu\",to=\"cpu\"")));
}

// Loads, requests, one migration and one damaged chunk touch every row; what a
// model makes and keeps on the cpu are activations.
TEST_F(ServingTest, EveryRowOfTheCatalogueIsFed) {
  ASSERT_THAT(daemon_.Load("twice", {"sim:0"}), IsOk());
  SaveAssigningCounterModel(daemon_.models / "assigning.pt");
  ASSERT_THAT(daemon_.Load("assigning", {"cpu"}), IsOk());
  EXPECT_EQ(*daemon_.Run("twice", 3), 7);
  EXPECT_EQ(*daemon_.Run("assigning", 3), 3);
  daemon_.sim(1).Inject({.kind = SimFault::Kind::kCorrupt});
  ASSERT_THAT(daemon_.Migrate("twice", {"sim:1"}), IsOk());
  const auto waiting = daemon_.daemon->table().Admit("assigning", 0);
  ASSERT_THAT(waiting, IsOk());
  const std::string text = daemon_.daemon->metrics().Text();
  for (const MetricRow& row : Catalog()) {
    if (row.name == kEvictionsTotal.name) continue;  // Nothing evicts yet.
    // See ConnectionsTest.
    if (row.name == kConnectionsRefusedTotal.name) continue;
    const bool histogram = row.type == MetricType::kHistogram;
    // A line of its own with a value that is not 0.
    EXPECT_THAT(text, ContainsRegex(absl::StrCat("\n", std::string(row.name),
                                                 histogram ? "_count" : "",
                                                 "(\\{[^}]*\\})? "
                                                 "[0-9.e+]*[1-9]")))
        << row.name;
  }
  const auto twice = client_.Get("twice");
  ASSERT_THAT(twice, IsOk());
  for (const std::string& line :
       {absl::StrCat("ferry_move_bytes_total{from=\"cpu\",to=\"sim:1\"} ",
                     twice->weight_bytes),
        std::string("ferry_device_capacity_bytes{device=\"sim:0\"} 16777216"),
        std::string("ferry_verify_failures_total{device=\"sim:1\"} 1"),
        std::string("ferry_infer_batch_size_sum{model=\"twice\"} 1"),
        std::string("ferry_transfer_efficiency_ratio_count{from=\"cpu\",to="
                    "\"sim:1\"} 1")}) {
    EXPECT_THAT(text, HasSubstr(absl::StrCat(line, "\n")));
  }
  // What the models take is what the devices have given.
  uint64_t cpu_bytes = 0;
  for (const char* model : {"twice", "assigning"}) {
    const auto shown = client_.Get(model);
    ASSERT_THAT(shown, IsOk());
    for (const auto& part : shown->bytes) {
      if (part.device == "cpu") cpu_bytes += part.size_bytes;
    }
  }
  EXPECT_EQ(daemon_.Device("cpu").used_bytes, cpu_bytes);
}

TEST(ConnectionsTest, AreBoundedBySettingsAndCounted) {
  TestDaemon daemon({"--connections-max=1"});
  EXPECT_THAT(daemon.client->Devices(), IsOk());
  const UniqueFd second(::socket(AF_INET, SOCK_STREAM, 0));
  const std::string& address = daemon.daemon->grpc_address();
  sockaddr_in to = {};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(
      static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  ASSERT_EQ(::connect(second.get(), reinterpret_cast<const sockaddr*>(&to),
                      sizeof(to)),
            0);
  char settings = 0;
  ASSERT_EQ(::recv(second.get(), &settings, 1, 0), 1);  // Seen to, then.
  const std::string text = daemon.daemon->metrics().Text();
  EXPECT_THAT(text, HasSubstr("\nferry_connections 1\n"));
  EXPECT_THAT(
      text, HasSubstr("\nferry_connections_refused_total{reason=\"all\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr("\nferry_connections_refused_total{reason=\"peer\"} 0\n"));
  EXPECT_THAT(daemon.client->Devices(), IsOk());
}

TEST(StartTest, IsReadyOnceConfiguredModelsServe) {
  TestDaemon daemon({"--load=twice@sim:0"});
  ASSERT_THAT(daemon.started, IsOk());
  EXPECT_THAT(daemon.client->Health(), IsOk());
  EXPECT_EQ(*daemon.Run("twice", 3), 7);
}

TEST(StartTest, SaysWhichConfiguredModelFailed) {
  TestDaemon daemon({"--load=nothing@cpu"});
  EXPECT_THAT(daemon.started, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(std::string(daemon.started.message()),
              HasSubstr("--load=nothing"));
  EXPECT_THAT(daemon.client->Health(),
              StatusIs(absl::StatusCode::kUnavailable));
}

TEST(StartTest, SaysEveryConfiguredModelThatFailed) {
  TestDaemon daemon({"--load=nothing@cpu", "--load=twice@cpu",
                     "--load=twice2=twice.pt@cpu", "--load=nobody@cpu"});
  EXPECT_THAT(daemon.started, StatusIs(absl::StatusCode::kNotFound));
  const std::string message(daemon.started.message());
  EXPECT_THAT(message, HasSubstr("--load=nothing: "));
  EXPECT_THAT(message, HasSubstr("--load=nobody: "));
  EXPECT_THAT(message, Not(HasSubstr("twice")));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 1);
}

// The second load stands still in the middle of its copy.
TEST(StartTest, IsNotReadyBeforeTheLastConfiguredModelServes) {
  const TestDaemon other({"--devices=cpu=64MiB"});  // For its models.
  const std::string models = "--model-dir=" + other.models.path().string();
  const std::vector<const char*> argv = {"ferryd",
                                         "--grpc-listen=127.0.0.1:0",
                                         models.c_str(),
                                         "--metrics-listen=127.0.0.1:0",
                                         "--load=twice@cpu",
                                         "--load=counter@sim:0",
                                         "--devices=cpu=64MiB,sim:0=16MiB"};
  const auto config = ParseConfig(static_cast<int>(argv.size()), argv.data(),
                                  [](const char*) { return nullptr; });
  ASSERT_THAT(config, IsOk());
  const auto daemon = Daemon::Start(*config);
  ASSERT_THAT(daemon, IsOk());
  auto& sim = dynamic_cast<SimDevice&>(
      **(*daemon)->devices().Find(*DeviceId::Parse("sim:0")));
  sim.Inject({.kind = SimFault::Kind::kStall});
  const auto client = client::Client::Connect((*daemon)->grpc_address());
  ASSERT_THAT(client, IsOk());
  std::promise<absl::Status> ready;
  (*daemon)->LoadConfigured(
      [&](const absl::Status& status) { ready.set_value(status); });
  sim.faults().AwaitStall();
  while ((*client)->Get("twice")->state != "SERVING") {
    std::this_thread::yield();
  }
  EXPECT_THAT((*client)->Health(), StatusIs(absl::StatusCode::kUnavailable));
  sim.faults().Release();
  EXPECT_THAT(ready.get_future().get(), IsOk());
  EXPECT_THAT((*client)->Health(), IsOk());
}

TEST(StartTest, RefusesAPortInUse) {
  TestDaemon first;
  TestDaemon second(
      {"--grpc-listen=" + first.daemon->grpc_address(), "--devices=cpu=64MiB"});
  EXPECT_THAT(second.started, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(second.client, nullptr);
}

TEST(DrainTest, RefusesNewRequestsAndSaysSoToHealthChecks) {
  TestDaemon daemon({"--load=twice@cpu"});
  EXPECT_TRUE(daemon.daemon->Drain(absl::Seconds(10)));
  EXPECT_THAT(daemon.client->Health(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(daemon.Run("twice", 3), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(daemon.Load("counter", {}),
              StatusIs(absl::StatusCode::kUnavailable));
}

// A migration that waits for the last request on its old place.
TEST(DrainTest, KeepsItsLimitWhileAMoveWaitsForARequest) {
  TestDaemon daemon({"--load=twice@cpu"});
  ASSERT_THAT(daemon.started, IsOk());
  const auto admission = daemon.daemon->table().Admit("twice", 0);
  ModelTable::Pin pin =
      daemon.daemon->table().PinOn(*admission, *DeviceId::Parse("cpu"));
  std::promise<absl::Status> moved;
  const Worker mover("mover", [&] {
    moved.set_value(daemon.Migrate("twice", {"sim:0"}).status());
  });
  while (daemon.Device("sim:0").used_bytes == 0 ||
         daemon.client->Get("twice")->serving_on.front() != "sim:0") {
    std::this_thread::yield();
  }
  {
    const Worker drainer("drainer", [&] {
      EXPECT_FALSE(daemon.daemon->Drain(absl::Milliseconds(200)));
    });
    while (daemon.client->Health().ok()) std::this_thread::yield();
    EXPECT_THAT(daemon.Run("twice", 3),
                StatusIs(absl::StatusCode::kUnavailable));
  }
  pin = {};
  EXPECT_THAT(moved.get_future().get(), IsOk());
}

TEST(DrainTest, UndoesALoadThatIsUnderWay) {
  TestDaemon daemon;
  daemon.sim(0).Inject({.kind = SimFault::Kind::kStall});
  std::promise<absl::Status> ended;
  const Worker loader("loader", [&] {
    ended.set_value(daemon.Load("twice", {"sim:0"}).status());
  });
  daemon.sim(0).faults().AwaitStall();
  // The stalled copy sees the stop only once it goes on.
  EXPECT_FALSE(daemon.daemon->Drain(absl::ZeroDuration()));
  daemon.sim(0).faults().Release();
  EXPECT_THAT(ended.get_future().get(),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(daemon.daemon->Drain(absl::InfiniteDuration()));
  EXPECT_EQ(daemon.Device("sim:0").used_bytes, 0);
  EXPECT_EQ(daemon.Device("cpu").used_bytes, 0);
  EXPECT_THAT(daemon.client->Get("twice"),
              StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace ferry::serving_test
