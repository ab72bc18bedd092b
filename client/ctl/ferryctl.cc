#include "client/ctl/ferryctl.h"

#include <string>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

#include "client/ctl/command_line.h"
#include "client/ctl/commands.h"
#include "client/ctl/words.h"

namespace ferry::client {
namespace {

// What LibTorch says of a forward that threw has several lines.
std::string PrintableLines(absl::string_view message) {
  return absl::StrJoin(absl::StrSplit(message, '\n'), "\n",
                       [](std::string* out, absl::string_view line) {
                         out->append(Printable(std::string(line)));
                       });
}

}  // namespace

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
  if (!status.ok()) {
    console.err << "ferryctl: " << PrintableLines(status.message()) << "\n";
  }
  return static_cast<int>(status.code());
}

}  // namespace ferry::client
