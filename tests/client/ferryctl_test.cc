// ferryctl as its user meets it: whole command lines against a FakeServer,
// their output, their errors and their exit status.

#include "client/ctl/ferryctl.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/ctl/files.h"
#include "client/ctl/json_tensor.h"
#include "client/ctl/npy.h"
#include "tests/client/fake_server.h"
#include "tests/support/status_matchers.h"

namespace ferry::client::ferryctl_test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

struct Outcome {
  int status;
  std::string out;
  std::string err;
};

class FerryctlTest : public testing::Test {
 protected:
  FerryctlTest() { std::filesystem::create_directories(folder_); }
  ~FerryctlTest() override { std::filesystem::remove_all(folder_); }

  Outcome Run(std::vector<std::string> words, const std::string& input = "",
              std::stop_token stop = {}) {
    words.insert(words.begin(), {"ferryctl", "--server=" + server_.address()});
    return RunAlone(words, input, stop);
  }

  static Outcome RunAlone(const std::vector<std::string>& words,
                          const std::string& input = "",
                          std::stop_token stop = {}) {
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream err;
    Console console{.in = in, .out = out, .err = err};
    const int status =
        RunFerryctl(static_cast<int>(argv.size()), argv.data(), console, stop);
    return {status, out.str(), err.str()};
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("ferryctl_test_") +
       testing::UnitTest::GetInstance()->current_test_info()->name());
  FakeServer server_;
};

TEST_F(FerryctlTest, LoadsMigratesAndUnloads) {
  const Outcome load = Run({"load", "vad", "--device", "cpu", "--path=a.pt",
                            "--version", "2", "--device=sim:0"});
  EXPECT_EQ(load.status, 0);
  EXPECT_EQ(load.out,
            "vad serves on cpu, sim:0: 2.0 MiB in 0.002 s, 2.10 GB/s (93% of "
            "the link), verified\n");
  EXPECT_EQ(Run({"load", "vad"}).out,
            "vad serves on cpu, sim:0: it did already\n");
  EXPECT_THAT(Run({"migrate", "vad", "--to", "sim:0"}).out,
              StartsWith("vad serves on sim:0: 2.0 MiB"));
  EXPECT_EQ(Run({"load", "--device", "cpu,sim:0", "vad"}).status, 0);
  Run({"migrate", "vad", "--to", "cpu", "--version=2"});
  Run({"unload", "vad", "--version=2"});
  Run({"infer", "vad", "--random", "--version=2"});
  Run({"load", "vad"});
  EXPECT_EQ(Run({"unload", "vad"}).out, "vad is unloaded, after 0.003 s\n");
  EXPECT_THAT(
      server_.requests(),
      ElementsAre("LoadModelRequest name: \"vad\" devices: \"cpu\" "
                  "devices: \"sim:0\" path: \"a.pt\" version: 2",
                  "LoadModelRequest name: \"vad\"",
                  "MigrateModelRequest name: \"vad\" devices: \"sim:0\"",
                  "LoadModelRequest name: \"vad\" devices: \"cpu\" "
                  "devices: \"sim:0\"",
                  "MigrateModelRequest name: \"vad\" devices: \"cpu\" "
                  "version: 2",
                  "UnloadModelRequest name: \"vad\" version: 2",
                  "GetModelRequest name: \"vad\" version: 2",
                  "LoadModelRequest name: \"vad\"",
                  "UnloadModelRequest name: \"vad\""));
}

TEST_F(FerryctlTest, ModelsIsATable) {
  v1::Model vad = FakeModel("vad");
  vad.set_stateful(true);
  server_.Put(vad);
  v1::Model cold;
  cold.set_name("cold");
  cold.set_state(v1::MODEL_STATE_COLD);
  cold.set_last_error("no such file");
  server_.Put(cold);
  EXPECT_EQ(
      Run({"models"}).out,
      "NAME  VERSION  STATE    ON   WEIGHTS  ACTIVATIONS  IN MEMORY    PATH   "
      "         NOTE\n"
      "cold           COLD     -        0 B          0 B\n"
      "  last error: no such file\n"
      "vad         1  SERVING  cpu  2.0 MiB     96.0 MiB  cpu 2.0 MiB  "
      "vad/1/model.pt  stateful\n");
  EXPECT_EQ(Run({"models", "--names"}).out, "cold\nvad\n");
}

TEST_F(FerryctlTest, DevicesIsATableWithBars) {
  EXPECT_EQ(Run({"devices"}).out,
            "DEVICE     USED  OF BUDGET                          LARGEST GAP  "
            "IN GB/S  OUT GB/S  MODELS  NOTE\n"
            "cpu     2.0 GiB    8.0 GiB  [#####...............]      6.0 GiB  "
            "                   vad\n"
            "sim:0       0 B  256.0 MiB  [....................]    256.0 MiB  "
            "   4.00      3.50  -       failed\n"
            "  last error: injected: link down\n");
  EXPECT_EQ(Run({"devices", "--names"}).out, "cpu\nsim:0\n");
}

TEST_F(FerryctlTest, MovesIsATable) {
  Run({"load", "vad"});
  Run({"migrate", "vad", "--to=sim:0"});
  EXPECT_EQ(
      Run({"moves", "vad", "--last", "7"}).out,
      "MODEL  FROM  TO       BYTES  SECONDS  GB/S  OF LINK  VERIFIED  CODE\n"
      "vad    cpu   sim:0  2.0 MiB    0.002  2.10      93%  yes       OK\n"
      "vad    disk  cpu    2.0 MiB    0.002  2.10      93%  yes       OK\n");
  EXPECT_EQ(server_.requests().back(),
            "ListMovesRequest moves_max: 7 model: \"vad\"");
}

TEST_F(FerryctlTest, EveryListAndOutcomeIsJsonToo) {
  const Json load = Json::parse(Run({"load", "vad", "--json"}).out);
  EXPECT_EQ(load.at("model").at("state"), "SERVING");
  EXPECT_EQ(load.at("model").at("move"), nullptr);
  EXPECT_EQ(load.at("model").at("loaded_at"), "2026-01-01T00:00:00.000Z");
  EXPECT_EQ(load.at("report").at("copy_seconds"), 0.001);
  EXPECT_EQ(Json::parse(Run({"load", "vad", "--json"}).out).at("report"),
            nullptr);
  const Json models = Json::parse(Run({"--json", "models"}).out);
  EXPECT_EQ(models.at("models").at(0).at("bytes").at(0).dump(),
            "{\"device\":\"cpu\",\"size_bytes\":2097152}");
  EXPECT_EQ(Json::parse(Run({"devices", "--json"}).out)
                .at("devices")
                .at(1)
                .at("healthy"),
            false);
  EXPECT_EQ(
      Json::parse(Run({"moves", "--json"}).out).at("moves").at(0).at("to"),
      Json::array({"cpu"}));
  EXPECT_EQ(Run({"health", "--json"}).out, "{\"status\":\"SERVING\"}\n");
  EXPECT_EQ(Json::parse(Run({"unload", "vad", "--json"}).out)
                .at("report")
                .at("total_seconds"),
            0.003);
}

TEST_F(FerryctlTest, TheExitStatusIsTheCodeAndTheErrorTheServersSentence) {
  const Outcome absent = Run({"load", "absent"});
  EXPECT_EQ(absent.status, 5);
  EXPECT_EQ(absent.err,
            "ferryctl: model \"absent\": no file absent.pt in any directory\n");
  EXPECT_EQ(absent.out, "");
  EXPECT_EQ(Run({"infer", "broken"}).status, 13);
  EXPECT_EQ(Run({"load", "slow", "--timeout=10ms"}).status, 4);
  server_.SetServing(false);
  const Outcome health = Run({"health"});
  EXPECT_EQ(health.status, 14);
  EXPECT_THAT(health.err, HasSubstr("not serving"));
  EXPECT_EQ(Run({"health", "--json"}).out, "{\"status\":\"NOT_SERVING\"}\n");
}

TEST_F(FerryctlTest, HealthOfAServerThatDoesNotSayIsUnknown) {
  std::string address;
  {
    const FakeServer gone;
    address = gone.address();
  }
  const Outcome health = RunAlone(
      {"ferryctl", "--server", address, "health", "--json", "--wait=100ms"});
  EXPECT_EQ(health.status, 14);
  EXPECT_EQ(health.out, "{\"status\":\"UNKNOWN\"}\n");
  EXPECT_THAT(health.err, HasSubstr("cannot connect to " + address));
}

TEST_F(FerryctlTest, AnErrorDoesNotMoveTheCursor) {
  const std::string err = Run({"unload", "two\nlines\x1b[A"}).err;
  EXPECT_THAT(err, StartsWith("ferryctl: model \"two\nlines?[A\""));
}

TEST_F(FerryctlTest, SaysWhereItTriedToConnect) {
  std::string address;
  {
    const FakeServer gone;
    address = gone.address();
  }
  const Outcome models = RunAlone({"ferryctl", "--server", address, "models"});
  EXPECT_EQ(models.status, 14);
  EXPECT_THAT(models.err, HasSubstr("cannot connect to " + address));
}

TEST_F(FerryctlTest, ACommandLineThatCannotBeReadIsToldInOneSentence) {
  struct Bad {
    std::vector<std::string> words;
    std::string sentence;
  };
  const std::vector<Bad> kBad = {
      {{}, "A subcommand is required; see ferryctl --help"},
      {{"lod", "vad"}, "lod: no such command or option; see ferryctl --help"},
      {{"--nonsense"},
       "--nonsense: no such command or option; see ferryctl --help"},
      {{"load"}, "name is required; see ferryctl load --help"},
      {{"load", "a", "b"},
       "The following argument was not expected: b; see ferryctl load --help"},
      {{"migrate", "vad"}, "--to is required; see ferryctl migrate --help"},
      {{"load", "vad", "--version=0"},
       "--version: must be 1 or more, not 0; see ferryctl load --help"},
      {{"load", "vad", "--device"},
       "--device: 1 required DEVICE[,DEVICE] missing; see ferryctl load "
       "--help"},
      {{"moves", "--last=0"},
       "--last: must be 1 or more, not 0; see ferryctl moves --help"},
      {{"moves", "--last=many"},
       "--last: must be 1 or more, not many; see ferryctl moves --help"},
      {{"load", "vad", "--device", "cpu", "sim:0"},
       "The following argument was not expected: sim:0; see ferryctl load "
       "--help"},
      {{"models", "--last=3"},
       "The following argument was not expected: --last=3; see ferryctl models "
       "--help"},
      {{"models", "--timeout=fast"},
       "--timeout=fast: must be a duration, written such as 500ms, 30s or "
       "1m30s"},
      {{"infer", "vad", "--npy=x"}, "--npy=x: must be ARG=FILE"},
      {{"infer", "vad", "--npy==f"}, "--npy==f: must be ARG=FILE"},
      {{"infer", "vad", "--repeat=0"},
       "--repeat: must be 1 or more, not 0; see ferryctl infer --help"},
      {{"infer", "vad", "--duration=-1s"},
       "--duration=-1s: must be a duration, written such as 500ms, 30s or "
       "1m30s"},
      {{"infer", "vad", "--clients=0"},
       "--clients: Value 0 not in range 1 to 256; see ferryctl infer --help"},
      {{"health", "--wait=x"},
       "--wait=x: must be a duration, written such as 500ms, 30s or 1m30s"},
      {{"completion", "fish"},
       "shell: fish not in {bash,zsh}; see ferryctl completion --help"},
  };
  for (const Bad& bad : kBad) {
    const Outcome outcome = Run(bad.words);
    EXPECT_EQ(outcome.status, kExitUsage);
    EXPECT_EQ(outcome.err, "ferryctl: " + bad.sentence + "\n");
    EXPECT_EQ(outcome.out, "");
  }
  EXPECT_THAT(server_.requests(), IsEmpty());
}

TEST_F(FerryctlTest, HelpNamesEveryCommandAndItsOptions) {
  const Outcome help = Run({"--help"});
  EXPECT_EQ(help.status, 0);
  for (const char* name : {"load", "unload", "migrate", "infer", "models",
                           "devices", "moves", "watch", "health"}) {
    EXPECT_THAT(help.out, HasSubstr(std::string("\n  ") + name));
  }
  EXPECT_THAT(help.out, HasSubstr("\nExit status: 0; 64 for a line that"));
  const Outcome infer = Run({"infer", "--help"});
  EXPECT_EQ(infer.status, 0);
  EXPECT_THAT(
      infer.out,
      AllOf(HasSubstr("Usage: ferryctl infer"), HasSubstr("--npy ARG=FILE  "),
            HasSubstr("\nOptions of every command:\n"),
            HasSubstr("\n  --server "), HasSubstr("\n  --timeout "),
            HasSubstr("\n  --json ")));
  EXPECT_THAT(Run({"migrate", "-h"}).out,
              HasSubstr("--to DEVICE[,DEVICE] REQUIRED\n"));
  EXPECT_THAT(Run({"--version"}).out, StartsWith("ferryctl 0."));
}

TEST_F(FerryctlTest, InfersFromJsonOnStandardInput) {
  server_.Put(FakeModel("vad"));
  const Outcome answer = Run({"infer", "vad", "--json", "--input", "-"},
                             R"({"inputs": {"x": [[1, 2, 3, 4]], "sr": 5}})");
  EXPECT_EQ(answer.status, 0) << answer.err;
  const Json json = Json::parse(answer.out);
  EXPECT_EQ(json.at("device"), "cpu");
  // The signature says that x is float32 although the JSON has integers.
  EXPECT_EQ(json.at("outputs").at("x").dump(),
            "{\"dtype\":\"float32\",\"shape\":[1,4],"
            "\"data\":[1.0,2.0,3.0,4.0]}");
  EXPECT_EQ(json.at("outputs").at("sr"), 5);
}

TEST_F(FerryctlTest, JsonIsASwitchInFrontOfAModelToo) {
  server_.Put(FakeModel("vad"));
  const Outcome answer = Run({"infer", "--json", "vad", "--random"});
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_EQ(Json::parse(answer.out).at("model"), "vad");
  EXPECT_EQ(Json::parse(Run({"migrate", "--json", "vad", "--to=sim:0"}).out)
                .at("report")
                .at("to"),
            Json::array({"sim:0"}));
}

TEST_F(FerryctlTest, InfersFromFilesAndWritesFiles) {
  server_.Put(FakeModel("vad"));
  const Tensor tensor{DType::kFloat32, {2}, std::string(8, '\0')};
  ASSERT_THAT(WriteFile(folder_ / "x.npy", *FormatNpy(tensor)), IsOk());
  ASSERT_THAT(WriteFile(folder_ / "sr.json", "{\"sr\": 16000}"), IsOk());
  const Outcome answer = Run(
      {"infer", "vad", "--npy", "x=" + (folder_ / "x.npy").string(), "--input",
       folder_ / "sr.json", "--out-dir", folder_ / "out" / "deep"});
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_EQ(*ReadFile(folder_ / "out/deep/x.npy"), *FormatNpy(tensor));
  EXPECT_EQ(*ReadFile(folder_ / "out/deep/sr.json"), "16000\n");
}

TEST_F(FerryctlTest, InfersAtRandomAndShowsTheAnswer) {
  server_.Put(FakeModel("vad"));
  const Outcome answer = Run({"infer", "vad", "--random", "--seed=3"});
  EXPECT_EQ(answer.status, 0) << answer.err;
  EXPECT_THAT(answer.out, StartsWith("vad version 1 on cpu, "));
  EXPECT_THAT(answer.out, HasSubstr("x       float32 [1, 4]  "));
  EXPECT_EQ(Run({"infer", "vad", "--random", "--quiet"}).out, "");
  EXPECT_EQ(Run({"infer", "unknown", "--random"}).status, 5);
}

TEST_F(FerryctlTest, SaysWhichInputIsWrong) {
  server_.Put(FakeModel("vad"));
  const Outcome text = Run({"infer", "vad", "--input=-"}, "{\"x\": \"a\"}");
  EXPECT_EQ(text.status, 3);
  EXPECT_THAT(text.err, HasSubstr("input x: "));
  EXPECT_THAT(Run({"infer", "vad", "--input=-"}, "{x}").err,
              HasSubstr("standard input: not JSON"));
  const Outcome file = Run({"infer", "vad", "--npy=x=/nowhere/x.npy"});
  EXPECT_EQ(file.status, 5);
  EXPECT_THAT(file.err, HasSubstr("/nowhere/x.npy: cannot be read"));
  ASSERT_THAT(WriteFile(folder_ / "x.npy", "not npy"), IsOk());
  EXPECT_THAT(
      Run({"infer", "vad", "--npy=x=" + (folder_ / "x.npy").string()}).err,
      HasSubstr("x.npy: not a .npy file"));
}

TEST_F(FerryctlTest, ALoadTestPrintsASummary) {
  server_.Put(FakeModel("vad"));
  const Outcome run =
      Run({"infer", "vad", "--random", "--repeat", "20", "--clients=3"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("20 requests, 0 failed, 0 other answers"));
  const Json json =
      Json::parse(Run({"infer", "broken", "--repeat=4", "--json"}).out);
  EXPECT_EQ(json.at("requests"), 4);
  EXPECT_EQ(json.at("failed"), 4);
  EXPECT_EQ(Run({"infer", "broken", "--repeat=2"}).status, 13);
  EXPECT_THAT(Run({"infer", "vad", "--random", "--duration=1ms"}).out,
              HasSubstr(" 0 failed"));
}

TEST_F(FerryctlTest, WatchShowsChangesUntilTheServerEnds) {
  server_.Put(FakeModel("vad"));
  v1::WatchModelsResponse removed;
  removed.mutable_model()->set_name("vad");
  removed.set_removed(true);
  server_.SetChanges({removed}, /*stays=*/false);
  const Outcome watch = Run({"watch", "vad"});
  EXPECT_EQ(watch.status, 14);
  EXPECT_THAT(watch.out, AllOf(HasSubstr("  vad  SERVING on cpu\n"),
                               HasSubstr("  vad  unloaded\n")));
  std::istringstream lines(Run({"watch", "--json"}).out);
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line).at("snapshot_complete"), true);
  std::getline(lines, line);
  EXPECT_EQ(Json::parse(line).at("removed"), true);
}

TEST_F(FerryctlTest, AStopEndsAWatchAndCancelsALoad) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Run({"watch"}, "", stop.get_token()).status, 0);
  const Outcome load = Run({"load", "slow"}, "", stop.get_token());
  EXPECT_EQ(load.status, 1);
  EXPECT_EQ(load.err, "ferryctl: cancelled\n");
}

TEST_F(FerryctlTest, CompletionScriptsKnowEveryCommand) {
  for (const char* shell : {"bash", "zsh"}) {
    const Outcome script = Run({"completion", shell});
    EXPECT_EQ(script.status, 0);
    EXPECT_THAT(script.out,
                HasSubstr("load unload migrate infer models devices moves "
                          "watch health completion"));
    EXPECT_THAT(script.out,
                HasSubstr("migrate) _ferryctl_offer \"--help --to"));
    EXPECT_THAT(script.out, Not(ContainsRegex("@[A-Z_]+@")));
  }
}

}  // namespace
}  // namespace ferry::client::ferryctl_test
