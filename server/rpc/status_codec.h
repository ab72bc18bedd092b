// Statuses, as they leave and enter by gRPC: the same code, the same sentence.
//
// Threads:  any; pure functions.
// Limits:   kStatusMessageBytesMax; a longer sentence is cut, and says so. (A
//           status travels as HTTP/2 trailers, which clients bound to 8 KiB.)

#ifndef SERVER_RPC_STATUS_CODEC_H_
#define SERVER_RPC_STATUS_CODEC_H_

#include <cstddef>

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace ferry {

inline constexpr size_t kStatusMessageBytesMax = 4096;

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace ferry

#endif  // SERVER_RPC_STATUS_CODEC_H_
