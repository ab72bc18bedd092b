#include "client/ctl/json_value.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "client/ctl/type_name.h"
#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"

namespace ferry::client {
namespace {

using Kind = TypeName::Kind;

constexpr std::string_view kFormHint =
    "inputs are an object with a value for each argument's name, such as "
    "{\"x\": [[1.0, 2.0]]}";

absl::Status Wrong(const std::string& place, std::string_view expected,
                   const Json& json) {
  return absl::InvalidArgumentError(absl::StrCat("input ", place, ": expected ",
                                                 AbslView(expected), ", not ",
                                                 Shown(json.dump())));
}

// Reads values of one request; the signature tells dtypes by place.
class ValueReader {
 public:
  explicit ValueReader(const Signature& signature) : signature_(signature) {}

  absl::StatusOr<Value> Read(const Json& json, const TypeName& type,
                             const std::string& place, int depth) const {
    if (depth > Value::kDepthMax) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input ", place, ": nested deeper than ", Value::kDepthMax));
    }
    switch (type.kind) {
      case Kind::kTensor:
        return ReadTensor(json, place);
      case Kind::kInt:
        if (!json.is_number_integer()) return Wrong(place, "an int", json);
        return Value{json.get<int64_t>()};
      case Kind::kFloat:
        if (!json.is_number()) return Wrong(place, "a float", json);
        return Value{json.get<double>()};
      case Kind::kBool:
        if (!json.is_boolean()) return Wrong(place, "true or false", json);
        return Value{json.get<bool>()};
      case Kind::kStr:
        if (!json.is_string()) return Wrong(place, "a string", json);
        return Value{json.get<std::string>()};
      case Kind::kOptional:
        if (json.is_null()) return Value{None{}};
        return Read(json, type.elements[0], place, depth);
      case Kind::kList:
        return ReadList(json, type, place, depth);
      case Kind::kTuple:
        return ReadTuple(json, type, place, depth);
      case Kind::kDict:
        return ReadDict(json, type.elements[1], place, depth);
      case Kind::kAny:
        break;
    }
    return ReadAny(json, place, depth);
  }

 private:
  absl::StatusOr<Value> ReadTensor(const Json& json,
                                   const std::string& place) const {
    const std::optional<DType> dtype = KnownDType(place);
    absl::StatusOr<Tensor> tensor = TensorFromJson(json, dtype, place);
    // It is a hint: what it does not fit, the server may well take.
    if (!tensor.ok() && dtype.has_value()) {
      tensor = TensorFromJson(json, std::nullopt, place);
    }
    RETURN_IF_ERROR(tensor.status());
    return Value{*std::move(tensor)};
  }

  std::optional<DType> KnownDType(const std::string& place) const {
    const auto shape =
        std::ranges::find(signature_.input_shapes, place, &TensorShape::name);
    const auto argument = std::ranges::find(
        signature_.inputs, place.substr(0, place.find('.')), &Argument::name);
    std::string datatype;
    if (argument != signature_.inputs.end()) datatype = argument->datatype;
    if (shape != signature_.input_shapes.end()) datatype = shape->datatype;
    const absl::StatusOr<DType> known = ParseKServeName(datatype);
    return known.ok() ? std::optional(*known) : std::nullopt;
  }

  absl::StatusOr<Value> ReadList(const Json& json, const TypeName& type,
                                 const std::string& place, int depth) const {
    if (!json.is_array()) return Wrong(place, "an array", json);
    Value::List list;
    for (size_t i = 0; i < json.size(); ++i) {
      ASSIGN_OR_RETURN(list.emplace_back(),
                       Read(json[i], type.elements[0],
                            absl::StrCat(place, ".", i), depth + 1));
    }
    return Value{std::move(list)};
  }

  absl::StatusOr<Value> ReadTuple(const Json& json, const TypeName& type,
                                  const std::string& place, int depth) const {
    if (!json.is_array() || json.size() != type.elements.size()) {
      return Wrong(place, absl::StrCat("an array of ", type.elements.size()),
                   json);
    }
    Value::Tuple tuple;
    for (size_t i = 0; i < json.size(); ++i) {
      ASSIGN_OR_RETURN(tuple.elements.emplace_back(),
                       Read(json[i], type.elements[i],
                            absl::StrCat(place, ".", i), depth + 1));
    }
    return Value{std::move(tuple)};
  }

  absl::StatusOr<Value> ReadDict(const Json& json, const TypeName& type,
                                 const std::string& place, int depth) const {
    if (!json.is_object()) return Wrong(place, "an object", json);
    Value::Dict dict;
    for (const auto& [key, element] : json.items()) {
      ASSIGN_OR_RETURN(
          Value value,
          Read(element, type, absl::StrCat(place, ".", key), depth + 1));
      dict.push_back({.key = key, .value = std::move(value)});
    }
    return Value{std::move(dict)};
  }

  absl::StatusOr<Value> ReadAny(const Json& json, const std::string& place,
                                int depth) const {
    if (json.is_null()) return Value{None{}};
    if (json.is_boolean()) return Value{json.get<bool>()};
    if (json.is_number_integer()) return Value{json.get<int64_t>()};
    if (json.is_number()) return Value{json.get<double>()};
    if (json.is_string()) return Value{json.get<std::string>()};
    if (IsTensorObject(json)) return ReadTensor(json, place);
    if (json.is_object()) return ReadDict(json, TypeName(), place, depth);
    absl::StatusOr<Value> tensor = ReadTensor(json, place);
    if (tensor.ok() && !json.empty()) return tensor;
    const TypeName list{.kind = Kind::kList, .elements = {TypeName()}};
    return ReadList(json, list, place, depth);
  }

  const Signature& signature_;
};

// One overload for each alternative of Value.
struct ValueWriter {
  Json operator()(const None&) const { return nullptr; }
  Json operator()(const Tensor& tensor) const { return TensorToJson(tensor); }
  Json operator()(int64_t number) const { return number; }
  Json operator()(double number) const { return number; }
  Json operator()(bool truth) const { return truth; }
  Json operator()(const std::string& text) const { return text; }
  Json operator()(const Value::List& list) const {
    Json array = Json::array();
    for (const Value& element : list) array.push_back(ValueToJson(element));
    return array;
  }
  Json operator()(const Value::Tuple& tuple) const {
    if (tuple.names.empty()) return (*this)(tuple.elements);
    Json object = Json::object();
    for (size_t i = 0; i < tuple.elements.size(); ++i) {
      object[tuple.names[i]] = ValueToJson(tuple.elements[i]);
    }
    return object;
  }
  Json operator()(const Value::Dict& dict) const {
    Json object = Json::object();
    for (const auto& [key, value] : dict) object[key] = ValueToJson(value);
    return object;
  }
};

}  // namespace

absl::StatusOr<std::vector<NamedValue>> InputsFromJson(
    const Json& json, const Signature& signature) {
  const Json* inputs = &json;
  if (json.is_object() && json.size() == 1 && json.contains("inputs") &&
      json.at("inputs").is_object()) {
    inputs = &json.at("inputs");
  }
  if (!inputs->is_object()) {
    return absl::InvalidArgumentError(AbslView(kFormHint));
  }
  const ValueReader reader(signature);
  std::vector<NamedValue> values;
  for (const auto& [name, value] : inputs->items()) {
    const auto argument =
        std::ranges::find(signature.inputs, name, &Argument::name);
    const TypeName type = argument == signature.inputs.end()
                              ? TypeName()
                              : ParseTypeName(argument->type);
    ASSIGN_OR_RETURN(Value read, reader.Read(value, type, name, 0));
    values.push_back({.name = name, .value = std::move(read)});
  }
  return values;
}

Json ValueToJson(const Value& value) {
  return std::visit(ValueWriter(), value.value);
}

}  // namespace ferry::client
