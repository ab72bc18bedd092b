#include "server/rpc/grpc_log.h"

#include <mutex>
#include <string>

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>

#include "server/base/invariant.h"
#include "server/base/log.h"

namespace ferry {
namespace {

thread_local std::string* collected = nullptr;

void Take(gpr_log_func_args* line) {
  if (collected != nullptr && line->severity == GPR_LOG_SEVERITY_ERROR) {
    *collected += line->message;
    *collected += '\n';
    return;
  }
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

GrpcErrors::GrpcErrors() {
  static std::once_flag once;
  std::call_once(once, [] {
    gpr_set_log_function(Take);
    google::protobuf::SetLogHandler(TakeProtobuf);
  });
  INVARIANT(collected == nullptr);
  collected = &text_;
}

GrpcErrors::~GrpcErrors() { collected = nullptr; }

}  // namespace ferry
