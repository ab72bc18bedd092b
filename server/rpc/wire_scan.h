// A WireScan says what a request would take in memory, and which model it is
// for, before any of it is built.
//
// protobuf and we make some hundred bytes of what may be two in a message: a
// request of 64 MiB could take gigabytes before the first check of it. So its
// fields are walked first, by their tags and lengths alone.
//
// A MessageShape is one kind of message, made ready to be walked.
//
// Owns:     a MessageShape: tables. The descriptor is generated code's.
// Threads:  any.
// Units:    bytes. What is counted is at least what the message takes once it
//           is parsed and its values are made; tests hold it to that.
// Fails:    INVALID_ARGUMENT when the bytes are no message, or nest deeper than
//           kMessageDepthMax; RESOURCE_EXHAUSTED when it would take more than
//           it may.
// Limits:   kMessageDepthMax messages in messages; kNameBytesMax of the name.

#ifndef SERVER_RPC_WIRE_SCAN_H_
#define SERVER_RPC_WIRE_SCAN_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace ferry {

struct WireScan {
  uint64_t memory_bytes = 0;
  // Field 1 and field 2 of the message, as far as it has them with that type:
  // in the request for an inference the model and its version.
  std::string name;
  std::string version_text;
  int64_t version = 0;
};

class MessageShape {
 public:
  static constexpr int kMessageDepthMax = 100;
  static constexpr size_t kNameBytesMax = 1024;

  explicit MessageShape(const google::protobuf::Descriptor& type);

  // `bytes` are left as they are.
  absl::StatusOr<WireScan> Scan(grpc::ByteBuffer& bytes,
                                uint64_t memory_bytes_max) const;

 private:
  enum class Kind { kUnknown, kNumber, kBytes, kMessage };
  struct Field {
    Kind kind = Kind::kUnknown;
    uint64_t per_wire_byte = 1;  // Of what has a length.
    size_t type = 0;             // Of kMessage: its place in types_.
  };
  struct Type {
    uint64_t own_bytes = 0;
    std::vector<Field> fields;  // By number.
  };
  struct Walk;

  size_t Add(const google::protobuf::Descriptor& type);
  Field FieldOf(const google::protobuf::FieldDescriptor& field);

  std::vector<const google::protobuf::Descriptor*> known_;
  std::vector<Type> types_;  // The same, and in the same order.
};

// gRPC would keep a request's bytes until its call ends, beside what was made
// of them. They are the call's own, so they may go sooner.
inline grpc::ByteBuffer& OwnBytes(const grpc::ByteBuffer* request) {
  return const_cast<grpc::ByteBuffer&>(*request);
}

// Parses what was scanned, and gives the bytes back.
absl::Status ParseMessage(grpc::ByteBuffer& bytes,
                          google::protobuf::Message& message);

// What a request that only manages may take in memory.
inline constexpr uint64_t kManagementBytesMax = uint64_t{1} << 20;

// Scans and parses a request of those.
absl::Status ReadRequest(const grpc::ByteBuffer* bytes,
                         google::protobuf::Message& message);

void WriteMessage(const google::protobuf::Message& message,
                  grpc::ByteBuffer& bytes);

}  // namespace ferry

#endif  // SERVER_RPC_WIRE_SCAN_H_
