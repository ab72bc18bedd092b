#include "server/rpc/call_log.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/clock.h"
#include "server/base/ids.h"
#include "server/base/log.h"
#include "server/base/log_limit.h"

namespace ferry {
namespace {

LogLevel LevelOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
    case absl::StatusCode::kUnknown:
      return LogLevel::kError;
    default:
      return LogLevel::kInfo;
  }
}

// Without the port, which is another one for each connection.
std::string Host(std::string peer) {
  if (peer.starts_with("ipv")) peer.resize(peer.rfind(':'));
  return peer;
}

}  // namespace

void LogCallEnd(std::string_view method, std::string_view model,
                const grpc::ServerContextBase& context,
                const absl::Status& status) {
  if (status.ok()) return;
  // Of the process, as its log is.
  static auto& limit = *new LogLimit;
  const std::string peer = context.peer();
  const std::string code = absl::StatusCodeToString(status.code());
  const std::optional<uint64_t> left_out =
      limit.Take(absl::StrCat(Host(peer), " ", AbslView(method), " ", code),
                 MonotonicNow());
  if (!left_out.has_value()) return;
  if (*left_out > 0) {
    Log(LogLevel::kInfo, "rpc failures left out of the log",
        {{"method", method},
         {"code", code},
         {"count", *left_out},
         {"peer", Host(peer)}});
  }
  Log(LevelOf(status.code()), "rpc failed",
      {{"method", method},
       // Of any length, when it was refused.
       {"model", model.substr(0, kModelNameLengthMax)},
       {"code", code},
       {"error", std::string(status.message())},
       {"peer", peer}});
}

}  // namespace ferry
