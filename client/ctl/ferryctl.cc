#include "client/ctl/ferryctl.h"

#include "client/ctl/command_line.h"
#include "client/ctl/commands.h"

namespace ferry::client {

int RunFerryctl(int argc, const char* const* argv, Console& console,
                std::stop_token stop) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(argc, argv);
  if (!line.ok()) {
    console.err << "ferryctl: " << line.status().message() << "\n";
    return kExitUsage;
  }
  if (!line->information.empty()) {
    console.out << line->information;
    return 0;
  }
  const absl::Status status = RunCommand(*line, console, stop);
  console.out.flush();
  if (!status.ok()) console.err << "ferryctl: " << status.message() << "\n";
  return static_cast<int>(status.code());
}

}  // namespace ferry::client
