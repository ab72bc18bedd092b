#include "server/rpc/kserve_inputs.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/rpc/nested_inputs.h"
#include "server/values/tensor_check.h"

namespace ferry {
namespace {

using Input = inference::ModelInferRequest::InferInputTensor;
using Contents = inference::InferTensorContents;

// Above this, names are compared through a set rather than each with each.
constexpr int kComparedMax = 16;

constexpr std::string_view kBytes = "BYTES";

// The elements of a BYTES tensor, wherever they stand.
using Strings = std::vector<std::string_view>;

// Nested as deep as `shape` has dimensions. `next` runs over the strings.
Value Nest(std::span<const int64_t> shape, Strings::const_iterator& next) {
  if (shape.empty()) return Value{std::string(*next++)};
  Value::List list(static_cast<size_t>(shape.front()));
  for (Value& element : list) element = Nest(shape.subspan(1), next);
  return Value{std::move(list)};
}

// Each element behind its length in four bytes, little-endian.
absl::StatusOr<Strings> SplitRaw(std::string_view raw, uint64_t elements) {
  Strings strings;
  // Not `elements`: a request may say any number, but sends its bytes.
  strings.reserve(std::min<uint64_t>(elements, raw.size() / 4));
  while (strings.size() < elements) {
    uint32_t size_bytes = 0;
    if (raw.size() < sizeof(size_bytes)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the bytes end before element ", strings.size(), " of ", elements));
    }
    std::memcpy(&size_bytes, raw.data(), sizeof(size_bytes));
    raw.remove_prefix(sizeof(size_bytes));
    if (raw.size() < size_bytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "element ", strings.size(), " says that it has ", size_bytes,
          " bytes, but only ", raw.size(), " are left"));
    }
    strings.push_back(raw.substr(0, size_bytes));
    raw.remove_prefix(size_bytes);
  }
  if (raw.empty()) return strings;
  return absl::InvalidArgumentError(
      absl::StrCat(raw.size(), " bytes are left behind the last of ", elements,
                   " elements"));
}

// How many values each field of typed contents has.
struct FieldCount {
  std::string_view field;
  int count;
};
std::array<FieldCount, 8> FieldCounts(const Contents& contents) {
  return {{{"bool_contents", contents.bool_contents_size()},
           {"int_contents", contents.int_contents_size()},
           {"int64_contents", contents.int64_contents_size()},
           {"uint_contents", contents.uint_contents_size()},
           {"uint64_contents", contents.uint64_contents_size()},
           {"fp32_contents", contents.fp32_contents_size()},
           {"fp64_contents", contents.fp64_contents_size()},
           {"bytes_contents", contents.bytes_contents_size()}}};
}

// OK when nothing but `field` is filled, with `elements` values.
absl::Status CheckCounts(const Input& input, std::string_view field,
                         uint64_t elements) {
  for (const FieldCount& filled : FieldCounts(input.contents())) {
    const uint64_t wanted = filled.field == field ? elements : 0;
    if (static_cast<uint64_t>(filled.count) == wanted) continue;
    if (wanted == 0 && elements != 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          "datatype ", input.datatype(), " is sent in ", AbslView(field),
          ", got ", filled.count, " values in ", AbslView(filled.field)));
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ",
        ShapeText(
            {input.shape().data(), static_cast<size_t>(input.shape_size())}),
        " takes ", elements, " elements, got ", filled.count, " in ",
        AbslView(filled.field)));
  }
  return absl::OkStatus();
}

template <typename T>
std::span<const std::byte> Borrow(const google::protobuf::RepeatedField<T>& f) {
  return std::as_bytes(std::span(f.data(), static_cast<size_t>(f.size())));
}

// 8- and 16-bit integers, which typed contents carry as 32.
template <typename To, typename From>
absl::StatusOr<std::span<const std::byte>> Narrow(
    const google::protobuf::RepeatedField<From>& from, KServeScratch& scratch) {
  std::vector<std::byte>& bytes =
      scratch.emplace_back(static_cast<size_t>(from.size()) * sizeof(To));
  for (int i = 0; i < from.size(); ++i) {
    const From wide = from[i];
    if (wide < From{std::numeric_limits<To>::min()} ||
        wide > From{std::numeric_limits<To>::max()}) {
      return absl::InvalidArgumentError(absl::StrCat(
          "element ", i, " is ", wide, ", which does not fit its datatype"));
    }
    const To narrow = static_cast<To>(wide);
    std::memcpy(bytes.data() + static_cast<size_t>(i) * sizeof(To), &narrow,
                sizeof(To));
  }
  return bytes;
}

std::string_view FieldOf(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "bool_contents";
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
      return "int_contents";
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
      return "uint_contents";
    case DType::kInt64:
      return "int64_contents";
    case DType::kUint64:
      return "uint64_contents";
    case DType::kFloat32:
      return "fp32_contents";
    case DType::kFloat64:
      return "fp64_contents";
    default:
      return "";  // Only as raw contents.
  }
}

absl::StatusOr<std::span<const std::byte>> TypedBytes(const Contents& contents,
                                                      DType dtype,
                                                      KServeScratch& scratch) {
  switch (dtype) {
    case DType::kBool:
      return Borrow(contents.bool_contents());
    case DType::kInt8:
      return Narrow<int8_t>(contents.int_contents(), scratch);
    case DType::kInt16:
      return Narrow<int16_t>(contents.int_contents(), scratch);
    case DType::kInt32:
      return Borrow(contents.int_contents());
    case DType::kUint8:
      return Narrow<uint8_t>(contents.uint_contents(), scratch);
    case DType::kUint16:
      return Narrow<uint16_t>(contents.uint_contents(), scratch);
    case DType::kUint32:
      return Borrow(contents.uint_contents());
    case DType::kInt64:
      return Borrow(contents.int64_contents());
    case DType::kUint64:
      return Borrow(contents.uint64_contents());
    case DType::kFloat32:
      return Borrow(contents.fp32_contents());
    default:
      return Borrow(contents.fp64_contents());
  }
}

absl::StatusOr<Value> DecodeStrings(const Input& input, const std::string* raw,
                                    std::span<const int64_t> shape) {
  ASSIGN_OR_RETURN(const uint64_t elements, CountElements(shape));
  Strings strings;
  if (raw != nullptr) {
    ASSIGN_OR_RETURN(strings, SplitRaw(*raw, elements));
  } else {
    RETURN_IF_ERROR(CheckCounts(input, "bytes_contents", elements));
    const auto& contents = input.contents().bytes_contents();
    strings.assign(contents.begin(), contents.end());
  }
  // No dimension of an empty tensor is nested: they may be any numbers.
  if (elements == 0) return Value{Value::List{}};
  auto next = strings.cbegin();
  return Nest(shape, next);
}

absl::StatusOr<Value> DecodeTensor(const Input& input, const std::string* raw,
                                   std::span<const int64_t> shape,
                                   KServeScratch& scratch) {
  ASSIGN_OR_RETURN(const DType dtype, ParseKServeName(input.datatype()));
  TensorView view{
      .dtype = dtype, .shape = {shape.begin(), shape.end()}, .bytes = {}};
  if (raw != nullptr) {
    view.bytes = std::as_bytes(std::span(*raw));
    RETURN_IF_ERROR(CheckTensor(view, input.datatype()));
  } else {
    ASSIGN_OR_RETURN(const uint64_t elements, CountElements(shape));
    const std::string_view field = FieldOf(dtype);
    if (field.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("datatype ", input.datatype(),
                       " is only sent in raw_input_contents"));
    }
    RETURN_IF_ERROR(CheckCounts(input, field, elements));
    ASSIGN_OR_RETURN(view.bytes, TypedBytes(input.contents(), dtype, scratch));
  }
  return Value{std::move(view)};
}

absl::StatusOr<Value> DecodeInput(const Input& input, const std::string* raw,
                                  KServeScratch& scratch) {
  const std::span<const int64_t> shape(input.shape().data(),
                                       static_cast<size_t>(input.shape_size()));
  if (raw != nullptr && input.has_contents()) {
    return absl::InvalidArgumentError(
        "its contents are sent twice, in contents and in raw_input_contents");
  }
  if (raw == nullptr && !input.has_contents()) {
    const auto elements = CountElements(shape);
    if (!elements.ok()) return elements.status();
    if (*elements != 0) {
      return absl::InvalidArgumentError(
          "it has neither contents nor raw_input_contents");
    }
  }
  return input.datatype() == AbslView(kBytes)
             ? DecodeStrings(input, raw, shape)
             : DecodeTensor(input, raw, shape, scratch);
}

// A shape of many ones nests each string in as many lists, and takes as many
// times the memory of what was sent.
absl::StatusOr<uint64_t> CountStrings(std::span<const int64_t> shape) {
  ASSIGN_OR_RETURN(const uint64_t strings, CountElements(shape));
  RETURN_IF_ERROR(CheckValues(strings));
  if (strings == 0) return 1;  // One empty list.
  if (shape.size() > Value::kDepthMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("shape ", ShapeText(shape), " nests strings deeper than ",
                     Value::kDepthMax, " levels; send fewer dimensions"));
  }
  uint64_t lists = 0;
  uint64_t at_this_level = 1;
  for (const int64_t size : shape) {
    lists += at_this_level;
    at_this_level *= static_cast<uint64_t>(size);
  }
  if (lists > 2 * strings + kListsFree) {
    return absl::InvalidArgumentError(absl::StrCat(
        "shape ", ShapeText(shape), " makes ", lists, " lists of ", strings,
        " strings, more than two for each; send fewer dimensions"));
  }
  return strings + lists;
}

absl::Status Named(const Input& input, const absl::Status& status) {
  return absl::InvalidArgumentError(
      absl::StrCat("input ", Shown(input.name()), ": ", status.message()));
}

absl::Status CheckNames(const inference::ModelInferRequest& request) {
  absl::flat_hash_set<absl::string_view> seen;
  for (int i = 0; i < request.inputs_size(); ++i) {
    const std::string& name = request.inputs(i).name();
    if (name.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("input number ", i, " has no name"));
    }
    bool twice = false;
    if (request.inputs_size() > kComparedMax) {
      twice = !seen.insert(name).second;
    } else {
      for (int j = 0; j < i; ++j) twice |= request.inputs(j).name() == name;
    }
    if (twice) {
      return absl::InvalidArgumentError(
          absl::StrCat("input ", Shown(name), " is there twice"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<uint64_t> CountKServeValues(
    const inference::ModelInferRequest& request) {
  uint64_t total = 0;
  for (const Input& input : request.inputs()) {
    if (input.datatype() != AbslView(kBytes)) continue;
    const absl::StatusOr<uint64_t> values = CountStrings(
        {input.shape().data(), static_cast<size_t>(input.shape_size())});
    if (!values.ok()) return Named(input, values.status());
    total += *values;
    if (absl::Status few = CheckValues(total); !few.ok()) {
      return Named(input, few);
    }
  }
  return total;
}

absl::Status DecodeKServeInputs(const inference::ModelInferRequest& request,
                                KServeScratch& scratch,
                                std::vector<NamedValue>& inputs) {
  RETURN_IF_ERROR(CheckNames(request));
  RETURN_IF_ERROR(CountKServeValues(request).status());
  const bool raw = request.raw_input_contents_size() != 0;
  if (raw && request.raw_input_contents_size() != request.inputs_size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "raw_input_contents has ", request.raw_input_contents_size(),
        " entries for ", request.inputs_size(), " inputs; it takes one each"));
  }
  inputs.reserve(inputs.size() + static_cast<size_t>(request.inputs_size()));
  for (int i = 0; i < request.inputs_size(); ++i) {
    const Input& input = request.inputs(i);
    absl::StatusOr<Value> value = DecodeInput(
        input, raw ? &request.raw_input_contents(i) : nullptr, scratch);
    if (!value.ok()) return Named(input, value.status());
    inputs.push_back({input.name(), *std::move(value)});
  }
  return NestInputs(inputs);
}

}  // namespace ferry
