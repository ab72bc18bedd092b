// A Config is everything that ferryd can be told, checked.
//
// Each setting is one flag. It is taken from the first of these that has it:
// the command line (--moves-max=4), the environment (FERRY_MOVES_MAX=4), the
// TOML file that --config names (moves-max = 4), its default. All settings are
// checked before anything starts, and every mistake is reported at once.
//
// Threads:  any; plain values. The environment must not change meanwhile.
// Units:    bytes; absl durations.
// Fails:    INVALID_ARGUMENT with one line for each mistake: the flag, the
//           value, where it came from and what is allowed.
// Limits:   each flag's, in its row of config.cc; --help shows them.

#ifndef SERVER_CONFIG_H_
#define SERVER_CONFIG_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/base/log_line.h"
#include "server/devices/device_spec.h"

namespace ferry {

struct Config {
  // NAME[=PATH][@DEVICE[,DEVICE]] of --load.
  struct Load {
    std::string name;
    std::string path;                  // Empty: found by the name.
    std::vector<std::string> devices;  // Empty: "auto".
  };

  std::string grpc_listen;
  std::string metrics_listen;
  std::string address_file;  // Empty: none is written.
  std::vector<std::string> model_dirs;
  std::vector<Load> loads;
  std::vector<DeviceSpec> devices;  // Empty: choose what is there.
  int lanes_per_device = 0;
  int intra_op_threads = 0;
  int64_t queue_requests_max = 0;
  uint64_t queue_bytes_max = 0;
  uint64_t audit_runs = 0;
  uint64_t requests_bytes_max = 0;
  uint64_t transport_bytes_max = 0;
  int64_t connections_max = 0;
  int64_t connections_per_peer_max = 0;
  int streams_max = 0;
  uint64_t message_bytes_max = 0;
  absl::Duration drain_max;
  LogFormat log_format = LogFormat::kText;
  LogLevel log_level = LogLevel::kInfo;
  int moves_max = 0;
  size_t load_waiters_max = 0;
  int watch_names_max = 0;
  int transfer_threads = 0;  // 0: TransferEngine::DefaultWorkers.
  uint64_t host_retain_bytes = 0;
  size_t models_max = 0;
  bool exit_on_device_loss = false;
  uint64_t activation_bytes_max = 0;  // 0: DefaultActivationLimit.

  // Every setting as it was given, to log at start.
  struct Setting {
    std::string name;
    std::vector<std::string> values;
    std::string source;  // "default", "flag", "FERRY_…", "ferry.toml, line 3".
  };
  std::vector<Setting> settings;

  // Not empty when --help or --version was asked for: print it and exit 0. The
  // rest is not filled then.
  std::string information;
};

// The value of a variable, or nullptr.
using Environment = std::function<const char*(const char* variable)>;

absl::StatusOr<Config> ParseConfig(int argc, const char* const* argv,
                                   const Environment& environment);
// With the process's own environment.
absl::StatusOr<Config> ParseConfig(int argc, const char* const* argv);

}  // namespace ferry

#endif  // SERVER_CONFIG_H_
