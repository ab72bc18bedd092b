// How client values are written as ferry.v1 messages, and read back.
//
// Only client.cc and its tests' server include this: protobuf ends here.
//
// Threads:  any; pure functions.
// Fails:    INVALID_ARGUMENT when a request cannot be sent; INTERNAL when the
//           server's message says something that is not allowed, such as a
//           tensor whose data does not match its shape.

#ifndef CLIENT_WIRE_H_
#define CLIENT_WIRE_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ferry/v1/device.pb.h"
#include "ferry/v1/model.pb.h"
#include "ferry/v1/tensor.pb.h"

#include "client/model.h"
#include "client/value.h"

namespace ferry::client {

void ToWire(const Value& value, v1::Value& message);
absl::StatusOr<Value> FromWire(v1::Value& message);  // Takes tensor data away.

// Whether a server can read it: protobuf there takes no string that is not
// UTF-8 and no more than 100 messages in messages, and has no words for it.
absl::Status CheckSendable(const google::protobuf::Message& request);

Model FromWire(const v1::Model& message);
MoveReport FromWire(const v1::MoveReport& message);
Device FromWire(const v1::Device& message);

}  // namespace ferry::client

#endif  // CLIENT_WIRE_H_
