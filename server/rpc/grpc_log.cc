#include "server/rpc/grpc_log.h"

#include <mutex>
#include <string>

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include "server/base/log.h"

namespace ferry {
namespace {

void TakeGrpc(gpr_log_func_args* line) {
  Log(line->severity == GPR_LOG_SEVERITY_ERROR ? LogLevel::kWarning
                                               : LogLevel::kDebug,
      "grpc", {{"message", line->message}});
}

void TakeProtobuf(google::protobuf::LogLevel level, const char*, int,
                  const std::string& message) {
  Log(level < google::protobuf::LOGLEVEL_WARNING ? LogLevel::kDebug
                                                 : LogLevel::kWarning,
      "protobuf", {{"message", message}});
}

}  // namespace

void TakeGrpcLog() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(TakeGrpc);
    google::protobuf::SetLogHandler(TakeProtobuf);
  });
}

}  // namespace ferry
