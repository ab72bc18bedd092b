// ParseConfig against its header: precedence, each bound, and that all mistakes
// are told at once. The environment is a map; files live in a folder of the
// test's own.

#include "server/config.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::config_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() { std::filesystem::create_directories(folder_); }
  ~ConfigTest() override { std::filesystem::remove_all(folder_); }

  absl::StatusOr<Config> Parse(std::vector<std::string> flags) {
    std::vector<const char*> argv = {"ferryd"};
    for (const std::string& flag : flags) argv.push_back(flag.c_str());
    return ParseConfig(
        static_cast<int>(argv.size()), argv.data(),
        [this](const char* variable) -> const char* {
          const auto found = environment_.find(variable);
          return found == environment_.end() ? nullptr : found->second.c_str();
        });
  }

  std::string Error(std::vector<std::string> flags) {
    const absl::StatusOr<Config> config = Parse(std::move(flags));
    EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(config.status().message());
  }

  std::string File(const std::string& text) {
    const std::string path = folder_ / "ferry.toml";
    std::ofstream(path) << text;
    return path;
  }

  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("config_test_") +
       testing::UnitTest::GetInstance()->current_test_info()->name());
  std::map<std::string, std::string> environment_;
};

TEST_F(ConfigTest, HasTheDocumentedDefaults) {
  const absl::StatusOr<Config> config = Parse({});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->grpc_listen, "127.0.0.1:8001");
  EXPECT_EQ(config->metrics_listen, "127.0.0.1:8002");
  EXPECT_EQ(config->address_file, "");
  EXPECT_THAT(config->model_dirs, IsEmpty());
  EXPECT_THAT(config->loads, IsEmpty());
  EXPECT_THAT(config->devices, IsEmpty());
  EXPECT_EQ(config->lanes_per_device, 1);
  EXPECT_EQ(config->intra_op_threads, 1);
  EXPECT_EQ(config->queue_requests_max, 1024);
  EXPECT_EQ(config->message_bytes_max, 64u << 20);
  EXPECT_EQ(config->queue_bytes_max, 512u << 20);
  EXPECT_EQ(config->audit_runs, 1000u);
  EXPECT_EQ(config->requests_bytes_max, 1u << 30);
  EXPECT_EQ(config->transport_bytes_max, 1u << 30);
  EXPECT_EQ(config->connections_max, 4096);
  EXPECT_EQ(config->connections_per_peer_max, 1024);
  EXPECT_EQ(config->streams_max, 1024);
  EXPECT_EQ(config->watch_names_max, 1024);
  EXPECT_EQ(config->load_waiters_max, 256u);
  EXPECT_EQ(config->drain_max, absl::Seconds(30));
  EXPECT_EQ(config->log_format, LogFormat::kText);
  EXPECT_EQ(config->log_level, LogLevel::kInfo);
  EXPECT_EQ(config->moves_max, 4);
  EXPECT_EQ(config->transfer_threads, 0);
  EXPECT_EQ(config->host_retain_bytes, 1u << 30);
  EXPECT_EQ(config->models_max, 1024);
  EXPECT_THAT(config->information, IsEmpty());
}

TEST_F(ConfigTest, TheFlagWinsOverTheEnvironmentOverTheFile) {
  const std::string file = File(
      "moves-max = 2\nlanes-per-device = 2\n"
      "transfer-threads = 3\n");
  environment_ = {{"FERRY_MOVES_MAX", "5"}, {"FERRY_LANES_PER_DEVICE", "5"}};
  const absl::StatusOr<Config> config =
      Parse({"--config", file, "--moves-max=7"});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->moves_max, 7);
  EXPECT_EQ(config->lanes_per_device, 5);
  EXPECT_EQ(config->transfer_threads, 3);
  EXPECT_EQ(config->intra_op_threads, 1);
}

TEST_F(ConfigTest, TellsThreeErrorsAtOnce) {
  const std::string file = File("# settings\ndrain-max = \"2h\"\n");
  environment_ = {{"FERRY_LOG_FORMAT", "xml"}};
  const std::string error =
      Error({"--queue-requests-max=0", "--config=" + file});
  EXPECT_THAT(error, HasSubstr("3 errors in the configuration:\n"));
  EXPECT_THAT(error, HasSubstr("--queue-requests-max=0: must be a whole number "
                               "from 1 to 1000000"));
  EXPECT_THAT(error, HasSubstr("--log-format=xml (FERRY_LOG_FORMAT): must be "
                               "text or json"));
  EXPECT_THAT(error, HasSubstr("--drain-max=2h (" + file +
                               ", line 2): must be a duration from 0s to 1h"));
}

TEST_F(ConfigTest, ShowsAValueEscapedAndWhole) {
  const std::string file =
      File("devices = \"a\\u0000b\\u001b[31m\"\nmoves-max = 100\n");
  const std::string error = Error({"--config=" + file});
  EXPECT_THAT(error, HasSubstr("--devices=a\\000b\\033[31m ("));
  EXPECT_THAT(error, HasSubstr("--moves-max=100"));
  EXPECT_EQ(error.find('\0'), error.npos);
}

TEST_F(ConfigTest, RefusesEachValueBeyondItsBound) {
  const std::vector<std::string> kBad = {
      "--lanes-per-device=0",
      "--lanes-per-device=65",
      "--intra-op-threads=0",
      "--intra-op-threads=257",
      "--queue-requests-max=-1",
      "--queue-requests-max=1000001",
      "--queue-bytes-max=65535",
      "--audit-runs=-1",
      "--audit-runs=1000000001",
      "--requests-bytes-max=1025GiB",
      "--transport-bytes-max=15MiB",
      "--connections-max=0",
      "--connections-max=1000001",
      "--connections-per-peer-max=0",
      "--streams-max=0",
      "--watch-names-max=0",
      "--load-waiters-max=100001",
      "--message-bytes-max=65535",
      "--message-bytes-max=1025MiB",
      "--drain-max=-1s",
      "--drain-max=61m",
      "--drain-max=inf",
      "--drain-max=30",
      "--moves-max=0",
      "--moves-max=65",
      "--transfer-threads=0",
      "--transfer-threads=17",
      "--host-retain=1025GiB",
      "--host-retain=lots",
      "--models-max=0",
      "--models-max=100001",
      "--models-max=4.5",
      "--models-max=",
      "--log-level=loud",
      "--log-format=TEXT",
      "--grpc-listen=127.0.0.1",
      "--grpc-listen=:8001",
      "--grpc-listen=host:8001",
      "--grpc-listen=127.0.0.1:65536",
      "--grpc-listen=1.2.3.4:-1",
      "--grpc-listen=::1:80",
      "--grpc-listen=1.2.3.4:+80",
      "--metrics-listen=1.2.3.4:",
      "--devices=tpu:0",
      "--devices=sim:0,sim:0",
      "--devices=sim:0=lots",
      "--model-dir=/nowhere/at/all",
      "--address-file=/nowhere/x",
      "--address-file=/tmp",
  };
  for (const std::string& flag : kBad) {
    const absl::StatusOr<Config> config = Parse({flag});
    EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument)) << flag;
    const std::string message(config.status().message());
    EXPECT_THAT(message, HasSubstr("1 error in the configuration")) << flag;
    EXPECT_THAT(message, HasSubstr("  " + flag + ": ")) << flag;
  }
}

TEST_F(ConfigTest, TakesEachValueAtItsBound) {
  const std::vector<std::string> kGood = {
      "--lanes-per-device=64",
      "--intra-op-threads=256",
      "--queue-requests-max=1",
      "--queue-requests-max=1000000",
      "--queue-bytes-max=64KiB",
      "--audit-runs=0",
      "--audit-runs=1000000000",
      "--requests-bytes-max=1TiB",
      "--transport-bytes-max=16MiB",
      "--connections-max=1000000",
      "--connections-per-peer-max=1",
      "--streams-max=1",
      "--watch-names-max=100000",
      "--load-waiters-max=1",
      "--message-bytes-max=64KiB",
      "--message-bytes-max=1GiB",
      "--drain-max=0s",
      "--drain-max=1h",
      "--moves-max=64",
      "--transfer-threads=16",
      "--host-retain=0",
      "--host-retain=1TiB",
      "--models-max=100000",
      "--log-level=debug",
      "--grpc-listen=0.0.0.0:0",
      "--grpc-listen=[::1]:65535",
      "--address-file=address.txt",
      "--devices=cpu=1GiB,sim:0=256MiB@4GBps",
  };
  for (const std::string& flag : kGood) {
    EXPECT_THAT(Parse({flag}), IsOk()) << flag;
  }
}

TEST_F(ConfigTest, TakesRepeatedFlagsEnvironmentAndArrays) {
  const std::string folder = folder_;
  const std::string file =
      File("load = [\"c\", \"d@auto\"]\nmodel-dir = \"" + folder + "\"");
  absl::StatusOr<Config> config =
      Parse({"--load=a=sub/a@1.pt@cpu,sim:0", "--load", "b", "--config", file});
  ASSERT_THAT(config, IsOk());
  ASSERT_EQ(config->loads.size(), 2);
  EXPECT_EQ(config->loads[0].name, "a");
  EXPECT_EQ(config->loads[0].path, "sub/a@1.pt");
  EXPECT_THAT(config->loads[0].devices, ElementsAre("cpu", "sim:0"));
  EXPECT_EQ(config->loads[1].name, "b");
  EXPECT_THAT(config->loads[1].devices, IsEmpty());

  environment_ = {{"FERRY_LOAD", "x@cpu; y@cpu"}, {"FERRY_CONFIG", file}};
  config = Parse({});
  EXPECT_THAT(config, StatusIs(absl::StatusCode::kInvalidArgument));
  environment_["FERRY_LOAD"] = "x@cpu;y@cpu;";
  config = Parse({});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->loads[1].name, "y");

  environment_.erase("FERRY_LOAD");
  config = Parse({});
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->loads[0].name, "c");
  EXPECT_THAT(config->loads[1].devices, ElementsAre("auto"));
  EXPECT_THAT(config->model_dirs, ElementsAre(folder));
}

TEST_F(ConfigTest, JoinsDevicesOfSeveralUses) {
  const std::string file = File("devices = [\"cpu\", \"sim:1=4MiB\"]");
  const absl::StatusOr<Config> config = Parse({"--config=" + file});
  ASSERT_THAT(config, IsOk());
  ASSERT_EQ(config->devices.size(), 2);
  EXPECT_EQ(config->devices[1].id.ToString(), "sim:1");
  EXPECT_EQ(config->devices[1].capacity_bytes, 4u << 20);
  EXPECT_THAT(Error({"--devices=sim:0", "--devices=sim:0"}),
              HasSubstr("--devices=sim:0,sim:0: "));
}

TEST_F(ConfigTest, ChecksLoadsAgainstTheRest) {
  const std::string dir = "--model-dir=" + folder_.string();
  EXPECT_THAT(Error({"--load=a"}), HasSubstr("needs a --model-dir"));
  EXPECT_THAT(Error({dir, "--load=a", "--load=a@cpu"}),
              HasSubstr("--load=a: the name is loaded twice"));
  EXPECT_THAT(Error({dir, "--load=a@sim:1", "--devices=cpu,sim:0"}),
              HasSubstr("--load=a@sim:1: the device is not in --devices"));
  EXPECT_THAT(Error({dir, "--load=a@cpu,cpu"}), HasSubstr("cpu twice"));
  EXPECT_THAT(Error({dir, "--load=a@cpu,auto"}), HasSubstr("auto"));
  EXPECT_THAT(Error({dir, "--load=a@"}), HasSubstr("--load=a@: "));
  EXPECT_THAT(Error({dir, "--load=../a@cpu"}), HasSubstr("--load=../a@cpu: "));
  EXPECT_THAT(Error({dir, "--load=a=@cpu"}), HasSubstr("with a path"));
  EXPECT_THAT(Parse({dir, "--load=a@sim:0,cpu", "--devices=sim:0"}), IsOk());
}

TEST_F(ConfigTest, RefusesOneAddressForTwoListeners) {
  EXPECT_THAT(Error({"--metrics-listen=127.0.0.1:8001"}),
              HasSubstr("--metrics-listen=127.0.0.1:8001: is where "
                        "--grpc-listen listens"));
  EXPECT_THAT(Parse({"--grpc-listen=[::1]:0", "--metrics-listen=[::1]:0"}),
              IsOk());
}

TEST_F(ConfigTest, RefusesWhatItDoesNotKnow) {
  const std::string file = File("moves_max = 3\nhelp = true\nconfig = \"x\"");
  const std::string error = Error({"--moves=3", "stray", "--config=" + file});
  EXPECT_THAT(error, HasSubstr("5 errors"));
  EXPECT_THAT(error, HasSubstr("--moves=3: no such flag"));
  EXPECT_THAT(error, HasSubstr("stray: no such flag"));
  EXPECT_THAT(error, HasSubstr("line 1: \"moves_max\" is no setting"));
  EXPECT_THAT(error, HasSubstr("line 2: \"help\" is no setting"));
}

TEST_F(ConfigTest, RefusesOneValueGivenTwice) {
  EXPECT_THAT(Error({"--moves-max=3", "--moves-max=4"}),
              HasSubstr("--moves-max: takes one value, not 2: 3, 4"));
  EXPECT_THAT(Error({"--config=a", "--config=b"}),
              HasSubstr("--config: takes one file"));
  EXPECT_THAT(Error({"--config", File("moves-max = [1, 2]")}),
              HasSubstr("takes one value, not 2"));
}

TEST_F(ConfigTest, AFlagWithoutItsValueIsToldWithTheOthers) {
  const std::string error = Error({"--moves-max", "--log-level", "loud"});
  EXPECT_THAT(error, HasSubstr("2 errors"));
  EXPECT_THAT(error, HasSubstr("--moves-max=: needs a value, COUNT"));
}

TEST_F(ConfigTest, AMissingFileIsOneOfTheErrors) {
  const std::string error =
      Error({"--config=/nowhere/f.toml", "--moves-max=0"});
  EXPECT_THAT(error, HasSubstr("2 errors"));
  EXPECT_THAT(error, HasSubstr("--config=/nowhere/f.toml: cannot be read"));
}

TEST_F(ConfigTest, AFileThatIsNoTomlIsOneOfTheErrors) {
  const std::string error =
      Error({"--config", File("moves-max = 2\ndevices = 4GiB"),
             "--lanes-per-device=0"});
  EXPECT_THAT(error, HasSubstr("2 errors"));
  EXPECT_THAT(error, HasSubstr("ferry.toml, line 2, column 12: error while"));
  EXPECT_THAT(error, HasSubstr("--lanes-per-device=0: must be"));
}

TEST_F(ConfigTest, ASettingRefusesWhatItsFileGives) {
  EXPECT_THAT(Error({"--config", File("\nmoves-max = 1.5")}),
              HasSubstr("ferry.toml, line 2): must be a whole number"));
  EXPECT_THAT(Error({"--config", File("drain-max = 1979-05-27")}),
              HasSubstr("ferry.toml, line 1): must be a duration"));
}

TEST_F(ConfigTest, AnEmptyVariableIsNotSet) {
  environment_ = {{"FERRY_MOVES_MAX", ""}, {"FERRY_CONFIG", ""}};
  EXPECT_EQ(Parse({})->moves_max, 4);
}

TEST_F(ConfigTest, AnswersHelpAndVersionWhateverElseIsWrong) {
  const absl::StatusOr<Config> help = Parse({"--help", "--moves-max=0"});
  ASSERT_THAT(help, IsOk());
  const Config defaults = *Parse({});
  for (const Config::Setting& setting : defaults.settings) {
    EXPECT_THAT(help->information, HasSubstr("--" + setting.name));
  }
  EXPECT_EQ(Parse({"-h"})->information, help->information);
  EXPECT_THAT(Parse({"--version"})->information, HasSubstr("ferryd 0."));
}

TEST_F(ConfigTest, KeepsEverySettingWithItsSource) {
  environment_ = {{"FERRY_MOVES_MAX", "3"}};
  std::map<std::string, std::string> sources;
  std::map<std::string, std::vector<std::string>> values;
  const absl::StatusOr<Config> config =
      Parse({"--devices=cpu,sim:0", "--config", File("models-max = 2")});
  ASSERT_THAT(config, IsOk());
  for (const Config::Setting& setting : config->settings) {
    sources[setting.name] = setting.source;
    values[setting.name] = setting.values;
  }
  EXPECT_EQ(sources["moves-max"], "FERRY_MOVES_MAX");
  EXPECT_THAT(values["moves-max"], ElementsAre("3"));
  EXPECT_EQ(sources["devices"], "flag");
  EXPECT_THAT(values["devices"], ElementsAre("cpu,sim:0"));
  EXPECT_THAT(sources["models-max"], HasSubstr("ferry.toml, line 1"));
  EXPECT_EQ(sources["load"], "default");
  EXPECT_THAT(values["load"], IsEmpty());
}

}  // namespace
}  // namespace ferry::config_test
