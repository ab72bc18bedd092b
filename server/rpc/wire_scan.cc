#include "server/rpc/wire_scan.h"

#include <algorithm>
#include <utility>

#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::io::CodedInputStream;

// The pointer to an element, thrice for the growth of what holds it, and what
// the allocator adds to it.
constexpr uint64_t kHeldBytes = 3 * sizeof(void*) + 16;
// What is made of a message later: a Value and its name.
constexpr uint64_t kMadeBytes = 128;
constexpr uint64_t kTextBytes = sizeof(std::string) + kHeldBytes;
// What protobuf keeps of a number, at most: that of a field that it does not
// know, or that comes with another type than the field's.
constexpr uint64_t kUnknownBytes = 3 * 16;

// An entry of a map, and its part of the table.
constexpr uint64_t kMapEntryBytes = 256;

// Numbers are read one by one into an array that doubles.
constexpr uint64_t kGrowth = 3;

enum WireType { kVarint = 0, kFixed64 = 1, kDelimited = 2, kFixed32 = 5 };

absl::Status WireError(std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("the message cannot be read: ",
                   absl::string_view(why.data(), why.size())));
}

uint64_t NumberBytes(const FieldDescriptor& field) {
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_BOOL:
      return 1;
    case FieldDescriptor::CPPTYPE_INT32:
    case FieldDescriptor::CPPTYPE_UINT32:
    case FieldDescriptor::CPPTYPE_FLOAT:
    case FieldDescriptor::CPPTYPE_ENUM:
      return 4;
    default:
      return 8;
  }
}

// Of a message of that type without anything in it.
uint64_t EmptyBytes(const Descriptor& type) {
  // protobuf 3.21 recurses for ever when it is asked for an entry's.
  if (type.options().map_entry()) return kMapEntryBytes;
  const google::protobuf::Message* empty =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(
          &type);
  INVARIANT(empty != nullptr);
  return empty->SpaceUsedLong();
}

// Whether each takes as much on the wire as in memory. The others may be
// written in a byte.
bool IsFixed(const FieldDescriptor& field) {
  switch (field.type()) {
    case FieldDescriptor::TYPE_DOUBLE:
    case FieldDescriptor::TYPE_FIXED64:
    case FieldDescriptor::TYPE_SFIXED64:
    case FieldDescriptor::TYPE_FLOAT:
    case FieldDescriptor::TYPE_FIXED32:
    case FieldDescriptor::TYPE_SFIXED32:
      return true;
    default:
      return false;
  }
}

}  // namespace

struct MessageShape::Walk {
  const std::vector<Type>& types;
  CodedInputStream& input;
  const uint64_t memory_bytes_max;
  WireScan scan;

  absl::Status Count(uint64_t size_bytes) {
    scan.memory_bytes += size_bytes;
    if (scan.memory_bytes <= memory_bytes_max) return absl::OkStatus();
    return absl::ResourceExhaustedError(absl::StrCat(
        "the message would take more than the ", memory_bytes_max,
        " bytes of memory that it may; send less, or numbers as tensors"));
  }

  absl::Status Message(size_t index, int depth);
  absl::Status OneField(const Type& type, uint32_t tag, int depth);
  absl::Status Delimited(const Field& field, int number, int depth);
};

absl::Status MessageShape::Walk::Message(size_t index, int depth) {
  const Type& type = types[index];
  RETURN_IF_ERROR(Count(type.own_bytes));
  while (const uint32_t tag = input.ReadTag()) {
    RETURN_IF_ERROR(OneField(type, tag, depth));
  }
  if (input.ConsumedEntireMessage()) return absl::OkStatus();
  return WireError("a field's tag is wrong");
}

absl::Status MessageShape::Walk::OneField(const Type& type, uint32_t tag,
                                          int depth) {
  const size_t number = tag >> 3;
  const Field field =
      number < type.fields.size() ? type.fields[number] : Field{};
  if (number == 0) return WireError("a field has the number 0");
  uint64_t number64 = 0;
  uint32_t number32 = 0;
  switch (tag & 7) {
    case kVarint:
      if (!input.ReadVarint64(&number64)) break;
      if (depth == 0 && number == 2 && field.kind == Kind::kNumber) {
        scan.version = static_cast<int64_t>(number64);
      }
      return Count(kUnknownBytes);
    case kFixed64:
      if (!input.ReadLittleEndian64(&number64)) break;
      return Count(kUnknownBytes);
    case kFixed32:
      if (!input.ReadLittleEndian32(&number32)) break;
      return Count(kUnknownBytes);
    case kDelimited:
      return Delimited(field, static_cast<int>(number), depth);
    default:
      return WireError("it has a group, which no message here has");
  }
  return WireError("it ends inside a number");
}

absl::Status MessageShape::Walk::Delimited(const Field& field, int number,
                                           int depth) {
  uint32_t size_bytes = 0;
  if (!input.ReadVarint32(&size_bytes)) return WireError("it ends in a length");
  const int left = input.BytesUntilLimit();
  if (left >= 0 && size_bytes > static_cast<uint32_t>(left)) {
    return WireError(absl::StrCat("a field says that it has ", size_bytes,
                                  " bytes, where ", left, " are left"));
  }
  switch (field.kind) {
    case Kind::kMessage: {
      if (depth >= kMessageDepthMax) {
        return absl::InvalidArgumentError(absl::StrCat(
            "the message nests deeper than ", kMessageDepthMax, " levels"));
      }
      const CodedInputStream::Limit limit =
          input.PushLimit(static_cast<int>(size_bytes));
      RETURN_IF_ERROR(Message(field.type, depth + 1));
      if (input.BytesUntilLimit() != 0) return WireError("it ends too early");
      input.PopLimit(limit);
      return absl::OkStatus();
    }
    case Kind::kBytes:
      RETURN_IF_ERROR(Count(kTextBytes + size_bytes * field.per_wire_byte));
      break;
    case Kind::kNumber:
    case Kind::kUnknown:
      // A number that is not repeated has no length: protobuf does not know
      // that field.
      RETURN_IF_ERROR(
          Count(kUnknownBytes + kTextBytes + size_bytes * field.per_wire_byte));
      break;
  }
  const bool told = depth == 0 && field.kind == Kind::kBytes && number <= 2;
  if (told) {
    std::string& text = number == 1 ? scan.name : scan.version_text;
    const auto kept =
        static_cast<uint32_t>(std::min<size_t>(size_bytes, kNameBytesMax));
    if (!input.ReadString(&text, static_cast<int>(kept))) {
      return WireError("it ends inside a text");
    }
    size_bytes -= kept;
  }
  return input.Skip(static_cast<int>(size_bytes))
             ? absl::OkStatus()
             : WireError("it ends inside a text");
}

MessageShape::MessageShape(const Descriptor& type) { Add(type); }

size_t MessageShape::Add(const Descriptor& type) {
  const auto found = std::ranges::find(known_, &type);
  if (found != known_.end()) {
    return static_cast<size_t>(found - known_.begin());
  }
  const size_t index = known_.size();
  known_.push_back(&type);
  types_.emplace_back();
  types_[index].own_bytes = EmptyBytes(type) + kHeldBytes + kMadeBytes;
  std::vector<Field> fields;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const auto number = static_cast<size_t>(field.number());
    if (number >= fields.size()) fields.resize(number + 1);
    fields[number] = FieldOf(field);
  }
  types_[index].fields = std::move(fields);
  return index;
}

MessageShape::Field MessageShape::FieldOf(const FieldDescriptor& field) {
  Field made;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_MESSAGE:
      made.kind = Kind::kMessage;
      made.type = Add(*field.message_type());
      break;
    case FieldDescriptor::CPPTYPE_STRING:
      made.kind = Kind::kBytes;
      // A text is copied once more, when a value is made of it.
      made.per_wire_byte = field.type() == FieldDescriptor::TYPE_STRING ? 2 : 1;
      break;
    default:
      made.kind = Kind::kNumber;
      made.per_wire_byte =
          IsFixed(field) ? kGrowth : kGrowth * NumberBytes(field);
  }
  return made;
}

absl::StatusOr<WireScan> MessageShape::Scan(grpc::ByteBuffer& bytes,
                                            uint64_t memory_bytes_max) const {
  grpc::ProtoBufferReader reader(&bytes);
  if (!reader.status().ok()) return WireError("it has no bytes");
  CodedInputStream input(&reader);
  const CodedInputStream::Limit limit =
      input.PushLimit(static_cast<int>(bytes.Length()));
  Walk walk{.types = types_,
            .input = input,
            .memory_bytes_max = memory_bytes_max,
            .scan = {}};
  RETURN_IF_ERROR(walk.Message(0, 0));
  input.PopLimit(limit);
  return std::move(walk.scan);
}

absl::Status ParseMessage(grpc::ByteBuffer& bytes,
                          google::protobuf::Message& message) {
  bool parsed = false;
  {
    grpc::ProtoBufferReader reader(&bytes);
    if (reader.status().ok()) {
      CodedInputStream input(&reader);
      input.SetRecursionLimit(MessageShape::kMessageDepthMax + 1);
      parsed = message.ParseFromCodedStream(&input);
    }
  }
  bytes.Clear();
  return parsed ? absl::OkStatus()
                : WireError("a text in it is not UTF-8, or a field is wrong");
}

absl::Status ReadRequest(const grpc::ByteBuffer* bytes,
                         google::protobuf::Message& message) {
  const MessageShape shape(*message.GetDescriptor());
  grpc::ByteBuffer& own = OwnBytes(bytes);
  RETURN_IF_ERROR(shape.Scan(own, kManagementBytesMax).status());
  return ParseMessage(own, message);
}

void WriteMessage(const google::protobuf::Message& message,
                  grpc::ByteBuffer& bytes) {
  bytes.Clear();  // The writer takes none that holds something.
  bool own = false;
  const grpc::Status written =
      grpc::GenericSerialize<grpc::ProtoBufferWriter,
                             google::protobuf::Message>(message, &bytes, &own);
  INVARIANT(written.ok());
}

}  // namespace ferry
