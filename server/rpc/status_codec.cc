#include "server/rpc/status_codec.h"

#include <string>
#include <string_view>

#include "server/base/utf8.h"

namespace ferry {
namespace {

constexpr std::string_view kCut = "... (cut)";

// Half a character would be U+FFFD, or an error, to the client.
std::string Bounded(std::string message) {
  if (message.size() <= kStatusMessageBytesMax) return message;
  message.resize(CutUtf8(message, kStatusMessageBytesMax - kCut.size()).size());
  message += kCut;
  return message;
}

}  // namespace

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()),
          Bounded(std::string(status.message()))};
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return {static_cast<absl::StatusCode>(status.error_code()),
          status.error_message()};
}

}  // namespace ferry
