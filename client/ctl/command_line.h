// A CommandLine is what ferryctl was asked to do, read and checked.
//
// Threads:  any; plain values.
// Units:    absl durations.
// Fails:    INVALID_ARGUMENT with one sentence for people.

#ifndef CLIENT_CTL_COMMAND_LINE_H_
#define CLIENT_CTL_COMMAND_LINE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "client/ctl/load_run.h"

namespace ferry::client {

struct CommandLine {
  // "load", "infer", ...; empty when `information` is to be printed.
  std::string command;
  std::string information;  // --help, --version or a completion script.

  std::string server;
  absl::Duration timeout = absl::InfiniteDuration();
  bool json = false;

  std::string model;
  std::vector<std::string> models;  // Of watch.
  std::string path;
  int64_t version = 0;
  std::vector<std::string> devices;
  bool names_only = false;
  int moves_max = 0;
  absl::Duration wait;

  // Of infer.
  std::string input_file;        // "-" is standard input; empty: none.
  std::vector<std::string> npy;  // ARG=FILE.
  bool random = false;
  uint64_t seed = 1;
  bool quiet = false;
  std::string out_dir;
  LoadRun load;
  bool is_load = false;  // --repeat or --duration was given.
};

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

}  // namespace ferry::client

#endif  // CLIENT_CTL_COMMAND_LINE_H_
