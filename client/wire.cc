#include "client/wire.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/base/utf8.h"

namespace ferry::client {
namespace {

absl::Duration ToDuration(const google::protobuf::Duration& message) {
  return absl::Seconds(message.seconds()) + absl::Nanoseconds(message.nanos());
}

absl::Time ToTime(const google::protobuf::Timestamp& message) {
  return absl::FromUnixSeconds(message.seconds()) +
         absl::Nanoseconds(message.nanos());
}

template <typename Repeated>
std::vector<std::string> ToStrings(const Repeated& texts) {
  return {texts.begin(), texts.end()};
}

// "MODEL_STATE_COLD" to "COLD".
std::string WithoutPrefix(const std::string& name, const std::string& prefix) {
  return name.starts_with(prefix) ? name.substr(prefix.size()) : "UNSPECIFIED";
}

// The enumerations differ by one: 0 on the wire is "not set".
v1::DataType ToWire(DType dtype) {
  return static_cast<v1::DataType>(static_cast<int>(dtype) + 1);
}
static_assert(static_cast<int>(DType::kBool) + 1 == v1::DATA_TYPE_BOOL);
static_assert(static_cast<int>(DType::kFloat16) + 1 == v1::DATA_TYPE_FLOAT16);
static_assert(static_cast<int>(DType::kComplex128) + 1 ==
              v1::DATA_TYPE_COMPLEX128);

absl::StatusOr<Tensor> TensorFromWire(v1::Tensor& message) {
  if (message.dtype() <= v1::DATA_TYPE_UNSPECIFIED ||
      message.dtype() > v1::DATA_TYPE_COMPLEX128) {
    return absl::InternalError(absl::StrCat(
        "answer: a tensor has the unknown dtype ", message.dtype()));
  }
  Tensor tensor;
  tensor.dtype = static_cast<DType>(message.dtype() - 1);
  tensor.shape.assign(message.shape().begin(), message.shape().end());
  const absl::StatusOr<uint64_t> size_bytes =
      TensorBytes(tensor.dtype, tensor.shape);
  if (!size_bytes.ok() || *size_bytes != message.data().size()) {
    return absl::InternalError(
        absl::StrCat("answer: a tensor's ", message.data().size(),
                     " bytes do not match its shape and dtype"));
  }
  tensor.data = std::move(*message.mutable_data());
  return tensor;
}

absl::StatusOr<Value> TupleFromWire(v1::ValueTuple& message) {
  Value::Tuple tuple;
  for (v1::Value& element : *message.mutable_values()) {
    ASSIGN_OR_RETURN(tuple.elements.emplace_back(), FromWire(element));
  }
  tuple.names = ToStrings(message.names());
  if (!tuple.names.empty() && tuple.names.size() != tuple.elements.size()) {
    return absl::InternalError("answer: a tuple has other names than values");
  }
  return Value{std::move(tuple)};
}

TensorShape ToShape(const v1::TensorShape& message) {
  return {.name = message.name(),
          .datatype = message.datatype(),
          .shape = {message.shape().begin(), message.shape().end()},
          .list_size = message.list_size()};
}

Argument ToArgument(const v1::Argument& message) {
  return {.name = message.name(),
          .type = message.type(),
          .required = message.required(),
          .datatype = message.datatype()};
}

Signature ToSignature(const v1::Signature& message) {
  Signature signature;
  for (const auto& input : message.inputs()) {
    signature.inputs.push_back(ToArgument(input));
  }
  for (const auto& output : message.outputs()) {
    signature.outputs.push_back(ToArgument(output));
  }
  signature.shape_source = WithoutPrefix(
      v1::ShapeSource_Name(message.shape_source()), "SHAPE_SOURCE_");
  for (const auto& shape : message.input_shapes()) {
    signature.input_shapes.push_back(ToShape(shape));
  }
  for (const auto& shape : message.output_shapes()) {
    signature.output_shapes.push_back(ToShape(shape));
  }
  signature.host_inputs = ToStrings(message.host_inputs());
  return signature;
}

// One overload for each alternative of Value.
struct Writer {
  v1::Value& message;

  void operator()(const None&) { message.mutable_none(); }
  void operator()(const Tensor& tensor) {
    v1::Tensor& written = *message.mutable_tensor();
    written.set_dtype(ToWire(tensor.dtype));
    written.mutable_shape()->Assign(tensor.shape.begin(), tensor.shape.end());
    written.set_data(tensor.data);
  }
  void operator()(int64_t number) { message.set_int64_value(number); }
  void operator()(double number) { message.set_double_value(number); }
  void operator()(bool truth) { message.set_bool_value(truth); }
  void operator()(const std::string& text) { message.set_string_value(text); }
  void operator()(const Value::List& list) {
    message.mutable_list();
    for (const Value& element : list) {
      ToWire(element, *message.mutable_list()->add_values());
    }
  }
  void operator()(const Value::Tuple& tuple) {
    message.mutable_tuple();
    for (const Value& element : tuple.elements) {
      ToWire(element, *message.mutable_tuple()->add_values());
    }
    for (const std::string& name : tuple.names) {
      message.mutable_tuple()->add_names(name);
    }
  }
  void operator()(const Value::Dict& dict) {
    message.mutable_dict();
    for (const auto& [key, element] : dict) {
      v1::ValueDict::Entry& entry = *message.mutable_dict()->add_entries();
      entry.set_key(key);
      ToWire(element, *entry.mutable_value());
    }
  }
};

// `depth`: how many messages this one is in.
absl::Status CheckSendable(const google::protobuf::Message& message,
                           int depth) {
  constexpr int kDepthMax = 100;
  if (depth > kDepthMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "request: nested deeper than ", Value::kDepthMax, " levels"));
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const auto* field : fields) {
    const bool text =
        field->type() == google::protobuf::FieldDescriptor::TYPE_STRING;
    if (!text && field->message_type() == nullptr) continue;
    const int count =
        field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (!text) {
        RETURN_IF_ERROR(
            CheckSendable(field->is_repeated()
                              ? reflection.GetRepeatedMessage(message, field, i)
                              : reflection.GetMessage(message, field),
                          depth + 1));
        continue;
      }
      const std::string string =
          field->is_repeated() ? reflection.GetRepeatedString(message, field, i)
                               : reflection.GetString(message, field);
      if (!IsUtf8(string)) {
        return absl::InvalidArgumentError(
            absl::StrCat("request: ", Shown(string),
                         " is not UTF-8, which is all that a string can be"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSendable(const google::protobuf::Message& request) {
  return CheckSendable(request, 0);
}

void ToWire(const Value& value, v1::Value& message) {
  std::visit(Writer{message}, value.value);
}

absl::StatusOr<Value> FromWire(v1::Value& message) {
  switch (message.kind_case()) {
    case v1::Value::kTensor: {
      ASSIGN_OR_RETURN(Tensor tensor,
                       TensorFromWire(*message.mutable_tensor()));
      return Value{std::move(tensor)};
    }
    case v1::Value::kInt64Value:
      return Value{int64_t{message.int64_value()}};
    case v1::Value::kDoubleValue:
      return Value{message.double_value()};
    case v1::Value::kBoolValue:
      return Value{message.bool_value()};
    case v1::Value::kStringValue:
      return Value{message.string_value()};
    case v1::Value::kList: {
      Value::List list;
      for (v1::Value& element : *message.mutable_list()->mutable_values()) {
        ASSIGN_OR_RETURN(list.emplace_back(), FromWire(element));
      }
      return Value{std::move(list)};
    }
    case v1::Value::kTuple:
      return TupleFromWire(*message.mutable_tuple());
    case v1::Value::kDict: {
      Value::Dict dict;
      for (auto& entry : *message.mutable_dict()->mutable_entries()) {
        ASSIGN_OR_RETURN(Value element, FromWire(*entry.mutable_value()));
        dict.push_back({.key = entry.key(), .value = std::move(element)});
      }
      return Value{std::move(dict)};
    }
    case v1::Value::kNone:
      return Value{None{}};
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return absl::InternalError("answer: a value of a kind unknown here");
}

Model FromWire(const v1::Model& message) {
  Model model;
  model.name = message.name();
  model.version = message.version();
  model.state =
      WithoutPrefix(v1::ModelState_Name(message.state()), "MODEL_STATE_");
  model.path = message.path();
  model.serving_on = ToStrings(message.serving_on());
  for (const auto& bytes : message.bytes()) {
    model.bytes.push_back(
        {.device = bytes.device(), .size_bytes = bytes.size_bytes()});
  }
  model.weight_bytes = message.weight_bytes();
  model.activation_peak_bytes = message.activation_peak_bytes();
  model.stateful = message.stateful();
  model.signature = ToSignature(message.signature());
  if (message.has_move()) {
    const v1::MoveProgress& move = message.move();
    model.move = MoveProgress{.from = ToStrings(move.from()),
                              .to = ToStrings(move.to()),
                              .step = move.step(),
                              .done_bytes = move.done_bytes(),
                              .total_bytes = move.total_bytes(),
                              .started_at = ToTime(move.started_at())};
  }
  model.last_error = message.last_error();
  if (message.has_loaded_at()) model.loaded_at = ToTime(message.loaded_at());
  return model;
}

MoveReport FromWire(const v1::MoveReport& message) {
  MoveReport report;
  report.model = message.model();
  report.from = ToStrings(message.from());
  report.to = ToStrings(message.to());
  report.size_bytes = message.size_bytes();
  report.decide = ToDuration(message.decide());
  report.queue = ToDuration(message.queue());
  report.copy = ToDuration(message.copy());
  report.verify = ToDuration(message.verify());
  report.warmup = ToDuration(message.warmup());
  report.switching = ToDuration(message.switch_());
  report.drain = ToDuration(message.drain());
  report.total = ToDuration(message.total());
  report.bytes_per_second = message.bytes_per_second();
  report.efficiency = message.efficiency();
  report.verified = message.verified();
  report.ended_at = ToTime(message.ended_at());
  report.code = message.code();
  report.error = message.error();
  report.chunks_refilled = message.chunks_refilled();
  return report;
}

Device FromWire(const v1::Device& message) {
  Device device;
  device.name = message.name();
  device.capacity_bytes = message.capacity_bytes();
  device.used_bytes = message.used_bytes();
  device.largest_free_bytes = message.largest_free_bytes();
  device.models = ToStrings(message.models());
  device.healthy = message.healthy();
  device.error = message.error();
  device.copy_in_bytes_per_second = message.copy_in_bytes_per_second();
  device.copy_out_bytes_per_second = message.copy_out_bytes_per_second();
  return device;
}

}  // namespace ferry::client
