#include "server/rpc/status_codec.h"

#include <string>
#include <string_view>

namespace ferry {
namespace {

constexpr std::string_view kCut = "... (cut)";

// Cuts between characters: half of one would be U+FFFD, or an error, to the
// client.
std::string Bounded(std::string message) {
  if (message.size() <= kStatusMessageBytesMax) return message;
  size_t end = kStatusMessageBytesMax - kCut.size();
  const auto continues = [&](size_t at) {
    return (static_cast<unsigned char>(message[at]) & 0xC0) == 0x80;
  };
  for (int i = 0; i < 3 && continues(end); ++i) --end;
  message.resize(end);
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
