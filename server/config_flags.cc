#include "server/config_flags.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <system_error>
#include <type_traits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "server/base/absl_view.h"
#include "server/base/bytes.h"
#include "server/base/ids.h"
#include "server/base/listen_socket.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kGiB = uint64_t{1} << 30;

absl::Status Must(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("must be ", AbslView(what)));
}

absl::Status ParseWhole(const std::string& value, int64_t min, int64_t max,
                        auto& target) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(value, &number) || number < min || number > max) {
    return Must(absl::StrCat("a whole number from ", min, " to ", max));
  }
  target = static_cast<std::remove_reference_t<decltype(target)>>(number);
  return absl::OkStatus();
}

absl::Status ParseSize(const std::string& value, uint64_t min, uint64_t max,
                       uint64_t& target) {
  const absl::StatusOr<uint64_t> size_bytes = ParseBytes(value);
  if (!size_bytes.ok() || *size_bytes < min || *size_bytes > max) {
    return Must(absl::StrCat("from ", FormatBytes(min), " to ",
                             FormatBytes(max),
                             ", written such as 1048576, 256MiB or 1.5GiB"));
  }
  target = *size_bytes;
  return absl::OkStatus();
}

absl::Status ParsePeriod(const std::string& value, absl::Duration max,
                         absl::Duration& target) {
  absl::Duration period;
  if (!absl::ParseDuration(value, &period) || period < absl::ZeroDuration() ||
      period > max) {
    return Must(absl::StrCat("a duration from 0s to ",
                             absl::FormatDuration(max),
                             ", written such as 500ms, 30s or 1m30s"));
  }
  target = period;
  return absl::OkStatus();
}

absl::Status ParseListen(const std::string& value, std::string& target) {
  target = value;
  return ListenSocket::CheckAddress(value);
}

absl::Status ParseAddressFile(const std::string& value, Config& config) {
  config.address_file = value;
  if (value.empty()) return absl::OkStatus();
  std::error_code error;
  const std::filesystem::path path(value);
  const std::filesystem::path folder =
      path.has_parent_path() ? path.parent_path() : ".";
  if (!path.has_filename() || std::filesystem::is_directory(path, error) ||
      !std::filesystem::is_directory(folder, error)) {
    return Must("a file in a directory that exists");
  }
  return absl::OkStatus();
}

absl::Status ParseModelDir(const std::string& value, Config& config) {
  std::error_code error;
  if (!std::filesystem::is_directory(value, error)) {
    return Must("a directory that exists");
  }
  config.model_dirs.push_back(value);
  return absl::OkStatus();
}

// NAME[=PATH][@DEVICE[,DEVICE]]: a path may hold an '@', a device cannot.
absl::Status ParseLoad(const std::string& value, Config& config) {
  Config::Load load;
  std::string_view rest = value;
  if (const size_t at = rest.rfind('@'); at != std::string_view::npos) {
    load.devices = absl::StrSplit(AbslView(rest.substr(at + 1)), ',');
    rest = rest.substr(0, at);
  }
  if (const size_t equals = rest.find('='); equals != std::string_view::npos) {
    load.path = rest.substr(equals + 1);
    rest = rest.substr(0, equals);
    if (load.path.empty()) return Must("NAME=PATH with a path");
  }
  load.name = rest;
  RETURN_IF_ERROR(CheckModelName(load.name));
  for (const std::string& device : load.devices) {
    if (load.devices.size() == 1 && device == "auto") continue;
    RETURN_IF_ERROR(DeviceId::Parse(device).status());
    if (std::ranges::count(load.devices, device) > 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("names the device ", device, " twice"));
    }
  }
  config.loads.push_back(std::move(load));
  return absl::OkStatus();
}

absl::Status ParseDevices(const std::string& value, Config& config) {
  if (value.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(config.devices, ParseDeviceSpecs(value));
  return absl::OkStatus();
}

absl::Status ParseTruth(const std::string& value, bool& target) {
  if (value != "true" && value != "false") return Must("true or false");
  target = value == "true";
  return absl::OkStatus();
}

absl::Status ParseLogFormat(const std::string& value, Config& config) {
  if (value != "text" && value != "json") return Must("text or json");
  config.log_format = value == "text" ? LogFormat::kText : LogFormat::kJson;
  return absl::OkStatus();
}

absl::Status ParseLogLevel(const std::string& value, Config& config) {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn",
                                                      "error"};
  const auto found = std::ranges::find(kNames, value);
  if (found == kNames.end()) return Must("debug, info, warn or error");
  config.log_level = static_cast<LogLevel>(found - kNames.begin());
  return absl::OkStatus();
}

// Every setting there is, in the order of --help.
constexpr std::array kFlags = {
    Flag{"grpc-listen", "ADDRESS:PORT", "127.0.0.1:8001", Uses::kOnce,
         "Where gRPC is served; port 0 takes a free one.",
         [](const std::string& value, Config& config) {
           return ParseListen(value, config.grpc_listen);
         }},
    Flag{"metrics-listen", "ADDRESS:PORT", "127.0.0.1:8002", Uses::kOnce,
         "Where Prometheus reads /metrics; port 0 takes a free one.",
         [](const std::string& value, Config& config) {
           return ParseListen(value, config.metrics_listen);
         }},
    Flag{"address-file", "PATH", "", Uses::kOnce,
         "Write the addresses really taken to this file.", ParseAddressFile},
    Flag{"model-dir", "PATH", "", Uses::kRepeatable,
         "A directory that models are loaded from; may be repeated. Trust what "
         "is in it: a TorchScript file is code.",
         ParseModelDir},
    Flag{"load", "NAME[=PATH][@DEVICE,...]", "", Uses::kRepeatable,
         "Load this model before the server is ready; may be repeated. Without "
         "a device it chooses one.",
         ParseLoad},
    Flag{"devices", "SPEC,...", "", Uses::kJoined,
         "The devices to use and their budgets, such as "
         "cpu=8GiB,cuda:0=60GiB,sim:0=256MiB@4GBps. Default: the cpu and every "
         "GPU there is.",
         ParseDevices},
    Flag{"lanes-per-device", "COUNT", "1", Uses::kOnce,
         "Requests that run at once on a device, 1 to 64.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 64, config.lanes_per_device);
         }},
    Flag{"intra-op-threads", "COUNT", "1", Uses::kOnce,
         "Threads that one operator may use on the cpu, 1 to 256.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 256, config.intra_op_threads);
         }},
    Flag{"queue-requests-max", "COUNT", "1024", Uses::kOnce,
         "Requests that may wait for one model, 1 to 1000000.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 1'000'000, config.queue_requests_max);
         }},
    Flag{"queue-bytes-max", "BYTES", "512MiB", Uses::kOnce,
         "Memory that the requests for one model may take, 64KiB to 1TiB.",
         [](const std::string& value, Config& config) {
           return ParseSize(value, 64 * kKiB, kMiB * kMiB,
                            config.queue_bytes_max);
         }},
    Flag{"audit-runs", "COUNT", "1000", Uses::kOnce,
         "After one run of a model in so many, up to 4 MiB of its weights are "
         "checked where they lie, other ones each time; 1 to 1000000000, or 0 "
         "for never.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 0, 1'000'000'000, config.audit_runs);
         }},
    Flag{"requests-bytes-max", "BYTES", "1GiB", Uses::kOnce,
         "Memory that all requests, and the answers not fetched yet, may take, "
         "64KiB to 1TiB.",
         [](const std::string& value, Config& config) {
           return ParseSize(value, 64 * kKiB, kMiB * kMiB,
                            config.requests_bytes_max);
         }},
    Flag{"transport-bytes-max", "BYTES", "1GiB", Uses::kOnce,
         "Memory that gRPC may hold of messages on their way in, 16MiB to "
         "1TiB.",
         [](const std::string& value, Config& config) {
           return ParseSize(value, 16 * kMiB, kMiB * kMiB,
                            config.transport_bytes_max);
         }},
    Flag{"connections-max", "COUNT", "4096", Uses::kOnce,
         "gRPC connections open at a time, 1 to 1000000; no more than the "
         "limit of files (`ulimit -n`) less 256, or half of it.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 1'000'000, config.connections_max);
         }},
    Flag{"connections-per-peer-max", "COUNT", "1024", Uses::kOnce,
         "Those of one IP address, 1 to 1000000. All who come through a proxy "
         "have its address.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 1'000'000,
                             config.connections_per_peer_max);
         }},
    Flag{"streams-max", "COUNT", "1024", Uses::kOnce,
         "Calls under way on one connection, 1 to 1000000.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 1'000'000, config.streams_max);
         }},
    Flag{"watch-names-max", "COUNT", "1024", Uses::kOnce,
         "Models that one watch may name, 1 to 100000.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 100'000, config.watch_names_max);
         }},
    Flag{"load-waiters-max", "COUNT", "256", Uses::kOnce,
         "Clients that may wait for one load, 1 to 100000.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 100'000, config.load_waiters_max);
         }},
    Flag{"message-bytes-max", "BYTES", "64MiB", Uses::kOnce,
         "The largest request or answer, 64KiB to 1GiB.",
         [](const std::string& value, Config& config) {
           return ParseSize(value, 64 * kKiB, kGiB, config.message_bytes_max);
         }},
    Flag{"drain-max", "DURATION", "30s", Uses::kOnce,
         "How long requests may still run after SIGTERM, 0s to 1h.",
         [](const std::string& value, Config& config) {
           return ParsePeriod(value, absl::Hours(1), config.drain_max);
         }},
    Flag{"log-format", "text|json", "text", Uses::kOnce,
         "One line an event, on stderr.", ParseLogFormat},
    Flag{"log-level", "debug|info|warn|error", "info", Uses::kOnce,
         "The least that is logged.", ParseLogLevel},
    Flag{"moves-max", "COUNT", "4", Uses::kOnce,
         "Moves of models at a time, 1 to 64.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 64, config.moves_max);
         }},
    Flag{"transfer-threads", "COUNT", "", Uses::kOnce,
         "Threads that copy and check weights, 1 to 16. Default: half of the "
         "processors, 2 to 8.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 16, config.transfer_threads);
         }},
    Flag{"host-retain", "BYTES", "1GiB", Uses::kOnce,
         "Freed host memory kept for the next load, 0 to 1TiB.",
         [](const std::string& value, Config& config) {
           return ParseSize(value, 0, kMiB * kMiB, config.host_retain_bytes);
         }},
    Flag{"activation-bytes-max", "BYTES", "", Uses::kOnce,
         "Host memory that the code of all models may hold at a time beside "
         "their weights, 16MiB to 1TiB. Default: three quarters of what the "
         "machine or the container has left beside the devices' budgets, a "
         "sixteenth of all at least.",
         [](const std::string& value, Config& config) {
           return ParseSize(value, 16 * kMiB, kMiB * kMiB,
                            config.activation_bytes_max);
         }},
    Flag{"models-max", "COUNT", "1024", Uses::kOnce,
         "Models known at a time, 1 to 100000.",
         [](const std::string& value, Config& config) {
           return ParseWhole(value, 1, 100'000, config.models_max);
         }},
    Flag{
        "exit-on-device-loss", "true|false", "false", Uses::kOnce,
        "Drain and exit with 1 when a device has failed, for a supervisor that "
        "starts the daemon again.",
        [](const std::string& value, Config& config) {
          return ParseTruth(value, config.exit_on_device_loss);
        }},
};
}  // namespace

std::span<const Flag> Flags() { return kFlags; }

}  // namespace ferry
