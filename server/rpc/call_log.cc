#include "server/rpc/call_log.h"

#include <string>

#include "server/base/ids.h"
#include "server/base/log.h"

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

}  // namespace

void LogCallEnd(std::string_view method, std::string_view model,
                const grpc::ServerContextBase& context,
                const absl::Status& status) {
  if (status.ok()) return;
  Log(LevelOf(status.code()), "rpc failed",
      {{"method", method},
       // Of any length, when it was refused.
       {"model", model.substr(0, kModelNameLengthMax)},
       {"code", absl::StatusCodeToString(status.code())},
       {"error", std::string(status.message())},
       {"peer", context.peer()}});
}

}  // namespace ferry
