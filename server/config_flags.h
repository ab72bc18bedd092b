// The Flags are ferryd's settings, each with its default, its bounds and what
// it sets in a Config: the one list that flags, environment and file share.
//
// Threads:  any; constants.
// Units:    those of Config.
// Fails:    `apply` with INVALID_ARGUMENT, saying what the value must be.

#ifndef SERVER_CONFIG_FLAGS_H_
#define SERVER_CONFIG_FLAGS_H_

#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "server/config.h"

namespace ferry {

// kRepeatable: each use adds a value. kJoined: each adds to one list.
enum class Uses { kOnce, kRepeatable, kJoined };

struct Flag {
  std::string_view name;
  std::string_view metavar;
  std::string_view default_value;
  Uses uses;
  std::string_view help;
  // The error's sentence follows "--name=value: ".
  absl::Status (*apply)(const std::string& value, Config& config);
};

// In the order of --help.
std::span<const Flag> Flags();

}  // namespace ferry

#endif  // SERVER_CONFIG_FLAGS_H_
