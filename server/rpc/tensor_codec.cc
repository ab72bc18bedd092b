#include "server/rpc/tensor_codec.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/base/utf8.h"
#include "server/values/tensor_check.h"

namespace ferry {
namespace {

// Above this, names are compared through a set rather than each with each.
constexpr int kComparedMax = 16;

static_assert(static_cast<int>(DType::kBool) + 1 == v1::DATA_TYPE_BOOL);
static_assert(static_cast<int>(DType::kComplex128) + 1 ==
              v1::DATA_TYPE_COMPLEX128);

// Where in an input or output we are. Lives on the stack; its text is only made
// for an error.
struct Place {
  const Place* parent;
  std::string_view name;  // Of the input, or the key of a dict.
  int index;              // Of an element; -1 for a name.

  std::string ToString() const {
    if (parent == nullptr) return Shown(name);
    return absl::StrCat(parent->ToString(), "[",
                        index < 0 ? Shown(name) : absl::StrCat(index), "]");
  }
};

absl::Status Refuse(const Place& at, const std::string& why) {
  return absl::InvalidArgumentError(
      absl::StrCat("input ", at.ToString(), ": ", why));
}

absl::Status Refuse(const Place& at, const absl::Status& why) {
  return Refuse(at, std::string(why.message()));
}

absl::Status DecodeTensor(const v1::Tensor& message, const Place& at,
                          Value& value) {
  if (message.dtype() <= v1::DATA_TYPE_UNSPECIFIED ||
      message.dtype() > v1::DATA_TYPE_COMPLEX128) {
    return Refuse(
        at, message.dtype() == v1::DATA_TYPE_UNSPECIFIED
                ? std::string("the tensor has no dtype")
                : absl::StrCat("no dtype has the number ", message.dtype()));
  }
  const auto dtype = static_cast<DType>(message.dtype() - 1);
  TensorView& view = value.value.emplace<TensorView>();
  view.dtype = dtype;
  view.shape.assign(message.shape().begin(), message.shape().end());
  view.bytes = std::as_bytes(std::span(message.data()));
  const absl::Status right = CheckTensor(view, TorchName(dtype));
  return right.ok() ? right : Refuse(at, right);
}

absl::Status DecodeValue(const v1::Value& message, const Place& at, int depth,
                         Value& value);

template <typename Messages>
absl::Status DecodeElements(const Messages& messages, const Place& at,
                            int depth, std::vector<Value>& elements) {
  elements.resize(messages.size());
  for (int i = 0; i < messages.size(); ++i) {
    RETURN_IF_ERROR(DecodeValue(messages[i], {&at, {}, i}, depth, elements[i]));
  }
  return absl::OkStatus();
}

absl::Status DecodeTuple(const v1::ValueTuple& message, const Place& at,
                         int depth, Value::Tuple& tuple) {
  if (message.names_size() != 0 &&
      message.names_size() != message.values_size()) {
    return Refuse(
        at, absl::StrCat("a tuple of ", message.values_size(), " values has ",
                         message.names_size(), " names"));
  }
  tuple.names.assign(message.names().begin(), message.names().end());
  return DecodeElements(message.values(), at, depth, tuple.elements);
}

absl::Status DecodeDict(const v1::ValueDict& message, const Place& at,
                        int depth, Value::Dict& dict) {
  absl::flat_hash_set<absl::string_view> keys;
  dict.resize(message.entries_size());
  for (int i = 0; i < message.entries_size(); ++i) {
    const v1::ValueDict::Entry& entry = message.entries(i);
    const Place here{&at, entry.key(), -1};
    if (!keys.insert(entry.key()).second) {
      return Refuse(here, "the key is there twice");
    }
    dict[i].key = entry.key();
    RETURN_IF_ERROR(DecodeValue(entry.value(), here, depth, dict[i].value));
  }
  return absl::OkStatus();
}

absl::Status DecodeValue(const v1::Value& message, const Place& at, int depth,
                         Value& value) {
  if (depth > Value::kDepthMax) {
    return Refuse(
        at, absl::StrCat("nested deeper than ", Value::kDepthMax, " levels"));
  }
  switch (message.kind_case()) {
    case v1::Value::kTensor:
      return DecodeTensor(message.tensor(), at, value);
    case v1::Value::kInt64Value:
      value.value = message.int64_value();
      return absl::OkStatus();
    case v1::Value::kDoubleValue:
      value.value = message.double_value();
      return absl::OkStatus();
    case v1::Value::kBoolValue:
      value.value = message.bool_value();
      return absl::OkStatus();
    case v1::Value::kStringValue:
      value.value = message.string_value();
      return absl::OkStatus();
    case v1::Value::kList:
      return DecodeElements(message.list().values(), at, depth + 1,
                            value.value.emplace<Value::List>());
    case v1::Value::kTuple:
      return DecodeTuple(message.tuple(), at, depth + 1,
                         value.value.emplace<Value::Tuple>());
    case v1::Value::kDict:
      return DecodeDict(message.dict(), at, depth + 1,
                        value.value.emplace<Value::Dict>());
    case v1::Value::kNone:
      value.value = None{};
      return absl::OkStatus();
    case v1::Value::KIND_NOT_SET:
      break;
  }
  return Refuse(at, "it has no value");
}

absl::Status CheckNames(const NamedValueMessages& messages) {
  absl::flat_hash_set<absl::string_view> seen;
  for (int i = 0; i < messages.size(); ++i) {
    const std::string& name = messages[i].name();
    if (name.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("input number ", i, " has no name"));
    }
    bool twice = false;
    if (messages.size() > kComparedMax) {
      twice = !seen.insert(name).second;
    } else {
      for (int j = 0; j < i; ++j) twice |= messages[j].name() == name;
    }
    if (twice) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", Shown(name), " is there twice"));
    }
  }
  return absl::OkStatus();
}

// Adds what is in `message`, and stops where there are too many.
void Count(const v1::Value& message, uint64_t& values) {
  const auto add = [&](const auto& elements) {
    values += static_cast<uint64_t>(elements.size());
    for (const v1::Value& element : elements) {
      if (values > kValuesMax) return;
      Count(element, values);
    }
  };
  if (message.has_list()) add(message.list().values());
  if (message.has_tuple()) add(message.tuple().values());
  for (const auto& entry : message.dict().entries()) {
    if (++values > kValuesMax) return;
    Count(entry.value(), values);
  }
}

absl::Status EncodeString(const std::string& text, std::string_view output,
                          std::string& field) {
  if (!IsUtf8(text)) {
    return absl::UnimplementedError(absl::StrCat(
        "output ", Shown(output),
        ": the model gave a string that is not UTF-8, which ferry.v1 cannot "
        "carry; KServe v2 can"));
  }
  field = text;
  return absl::OkStatus();
}

// Writes one value. `output` is the name of the output it is in, for messages.
struct Encoder {
  std::string_view output;
  v1::Value& message;

  absl::Status Encode(const Value& value) {
    return std::visit(*this, value.value);
  }

  absl::Status operator()(const None&) {
    message.mutable_none();
    return absl::OkStatus();
  }
  absl::Status operator()(const TensorView& view) {
    v1::Tensor& tensor = *message.mutable_tensor();
    tensor.set_dtype(
        static_cast<v1::DataType>(static_cast<int>(view.dtype) + 1));
    tensor.mutable_shape()->Add(view.shape.begin(), view.shape.end());
    tensor.set_data(view.bytes.data(), view.bytes.size());
    return absl::OkStatus();
  }
  absl::Status operator()(int64_t number) {
    message.set_int64_value(number);
    return absl::OkStatus();
  }
  absl::Status operator()(double number) {
    message.set_double_value(number);
    return absl::OkStatus();
  }
  absl::Status operator()(bool truth) {
    message.set_bool_value(truth);
    return absl::OkStatus();
  }
  absl::Status operator()(const std::string& text) {
    return EncodeString(text, output, *message.mutable_string_value());
  }
  absl::Status operator()(const Value::List& list) {
    v1::ValueList& messages = *message.mutable_list();
    for (const Value& element : list) {
      RETURN_IF_ERROR(Encoder(output, *messages.add_values()).Encode(element));
    }
    return absl::OkStatus();
  }
  absl::Status operator()(const Value::Tuple& tuple) {
    v1::ValueTuple& messages = *message.mutable_tuple();
    for (const Value& element : tuple.elements) {
      RETURN_IF_ERROR(Encoder(output, *messages.add_values()).Encode(element));
    }
    messages.mutable_names()->Add(tuple.names.begin(), tuple.names.end());
    return absl::OkStatus();
  }
  absl::Status operator()(const Value::Dict& dict) {
    v1::ValueDict& messages = *message.mutable_dict();
    for (const DictEntry& entry : dict) {
      v1::ValueDict::Entry& added = *messages.add_entries();
      RETURN_IF_ERROR(EncodeString(entry.key, output, *added.mutable_key()));
      RETURN_IF_ERROR(
          Encoder(output, *added.mutable_value()).Encode(entry.value));
    }
    return absl::OkStatus();
  }

  Encoder(std::string_view output_in, v1::Value& message_in)
      : output(output_in), message(message_in) {}
};

// What the answer takes at least: its tensors and strings.
struct ContentBytes {
  static uint64_t Of(const Value& value) {
    return std::visit(ContentBytes{}, value.value);
  }

  uint64_t operator()(const TensorView& view) { return view.bytes.size(); }
  uint64_t operator()(const std::string& text) { return text.size(); }
  uint64_t operator()(const Value::List& list) {
    uint64_t total_bytes = 0;
    for (const Value& element : list) total_bytes += Of(element);
    return total_bytes;
  }
  uint64_t operator()(const Value::Tuple& tuple) {
    return (*this)(tuple.elements);
  }
  uint64_t operator()(const Value::Dict& dict) {
    uint64_t total_bytes = 0;
    for (const DictEntry& entry : dict) {
      total_bytes += entry.key.size() + Of(entry.value);
    }
    return total_bytes;
  }
  // None and numbers: what a message spends on any value.
  template <typename T>
  uint64_t operator()(const T&) {
    return 8;
  }
};

}  // namespace

absl::Status DecodeInputs(const NamedValueMessages& messages,
                          std::vector<NamedValue>& inputs) {
  RETURN_IF_ERROR(CheckNames(messages));
  auto values = static_cast<uint64_t>(messages.size());
  for (const v1::NamedValue& message : messages) Count(message.value(), values);
  if (absl::Status few = CheckValues(values); !few.ok()) {
    return absl::InvalidArgumentError(absl::StrCat("inputs: ", few.message()));
  }
  inputs.reserve(inputs.size() + messages.size());
  for (const v1::NamedValue& message : messages) {
    NamedValue& input = inputs.emplace_back();
    input.name = message.name();
    RETURN_IF_ERROR(DecodeValue(message.value(), {nullptr, message.name(), -1},
                                0, input.value));
  }
  return absl::OkStatus();
}

absl::Status AnswerTooLarge(uint64_t size_bytes, uint64_t size_max_bytes) {
  return absl::ResourceExhaustedError(
      absl::StrCat("the outputs take ", size_bytes,
                   " bytes or more, and a message may have ", size_max_bytes,
                   " here; ask for less, or raise the server's limit"));
}

absl::Status EncodeOutputs(std::span<const NamedValue> outputs,
                           uint64_t size_max_bytes,
                           NamedValueMessages& messages) {
  uint64_t total_bytes = 0;
  for (const NamedValue& output : outputs) {
    total_bytes += ContentBytes::Of(output.value);
  }
  if (total_bytes > size_max_bytes) {
    return AnswerTooLarge(total_bytes, size_max_bytes);
  }
  messages.Reserve(static_cast<int>(outputs.size()));
  for (const NamedValue& output : outputs) {
    v1::NamedValue& message = *messages.Add();
    RETURN_IF_ERROR(
        EncodeString(output.name, output.name, *message.mutable_name()));
    RETURN_IF_ERROR(
        Encoder(output.name, *message.mutable_value()).Encode(output.value));
  }
  return absl::OkStatus();
}

}  // namespace ferry
