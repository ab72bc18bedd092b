#include "client/ctl/json_tensor.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "client/ctl/half.h"
#include "server/base/absl_view.h"
#include "server/base/status_macros.h"

namespace ferry::client {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensor data is little-endian");

absl::Status Wrong(const std::string& place, std::string_view sentence) {
  return absl::InvalidArgumentError(
      absl::StrCat("input ", place, ": ", AbslView(sentence)));
}

bool IsComplex(DType dtype) {
  return dtype == DType::kComplex64 || dtype == DType::kComplex128;
}

bool IsLeaf(const Json& json) {
  return json.is_number() || json.is_boolean() || json.is_string();
}

// The leaves of nested arrays, and the sizes that they are nested in.
struct Flattened {
  std::vector<const Json*> leaves;
  std::vector<int64_t> shape;
};

absl::Status Flatten(const Json& json, size_t depth, const std::string& place,
                     Flattened& flattened) {
  if (IsLeaf(json)) {
    if (depth != flattened.shape.size()) {
      return Wrong(place, "the arrays are not nested to the same depth");
    }
    flattened.leaves.push_back(&json);
    return absl::OkStatus();
  }
  if (!json.is_array()) {
    return Wrong(place, "a tensor is numbers, or arrays of numbers");
  }
  if (depth >= Value::kDepthMax) {
    return Wrong(place, "the arrays are nested too deeply");
  }
  const auto size = static_cast<int64_t>(json.size());
  // The first path down decides on the shape.
  if (depth == flattened.shape.size() && flattened.leaves.empty() &&
      std::ranges::find(flattened.shape, 0) == flattened.shape.end()) {
    flattened.shape.push_back(size);
  } else if (depth >= flattened.shape.size()) {
    return Wrong(place, "the arrays are not nested to the same depth");
  } else if (flattened.shape[depth] != size) {
    return Wrong(place, absl::StrCat("the arrays of dimension ", depth,
                                     " have different sizes, ",
                                     flattened.shape[depth], " and ", size));
  }
  for (const Json& element : json) {
    RETURN_IF_ERROR(Flatten(element, depth + 1, place, flattened));
  }
  return absl::OkStatus();
}

DType GuessDType(const std::vector<const Json*>& leaves) {
  const auto all = [&leaves](auto is) {
    return !leaves.empty() && std::ranges::all_of(leaves, is);
  };
  if (all([](const Json* leaf) { return leaf->is_boolean(); })) {
    return DType::kBool;
  }
  if (all([](const Json* leaf) { return leaf->is_number_integer(); })) {
    return DType::kInt64;
  }
  return DType::kFloat32;
}

template <typename T>
void Append(T element, std::string& data) {
  data.append(reinterpret_cast<const char*>(&element), sizeof(element));
}

template <typename T>
bool AppendInteger(const Json& leaf, std::string& data) {
  if (!leaf.is_number_integer()) return false;
  if (leaf.is_number_unsigned()) {
    if (!std::in_range<T>(leaf.get<uint64_t>())) return false;
    Append(static_cast<T>(leaf.get<uint64_t>()), data);
  } else {
    if (!std::in_range<T>(leaf.get<int64_t>())) return false;
    Append(static_cast<T>(leaf.get<int64_t>()), data);
  }
  return true;
}

std::optional<double> ToDouble(const Json& leaf) {
  if (leaf.is_number()) return leaf.get<double>();
  if (leaf == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (leaf == "Infinity") return std::numeric_limits<double>::infinity();
  if (leaf == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

bool AppendFloat(DType dtype, const Json& leaf, std::string& data) {
  const std::optional<double> number = ToDouble(leaf);
  if (!number) return false;
  if (dtype == DType::kFloat64 || dtype == DType::kComplex128) {
    Append(*number, data);
    return true;
  }
  const auto single = static_cast<float>(*number);
  if (dtype == DType::kFloat16) {
    Append(Float16Bits(single), data);
  } else if (dtype == DType::kBfloat16) {
    Append(Bfloat16Bits(single), data);
  } else {
    Append(single, data);
  }
  return true;
}

bool AppendBool(const Json& leaf, std::string& data) {
  if (leaf.is_boolean()) {
    data.push_back(leaf.get<bool>() ? 1 : 0);
    return true;
  }
  if (leaf != 0 && leaf != 1) return false;
  data.push_back(leaf == 1 ? 1 : 0);
  return true;
}

// False when the leaf is no element of this dtype.
bool AppendElement(DType dtype, const Json& leaf, std::string& data) {
  switch (dtype) {
    case DType::kBool:
      return AppendBool(leaf, data);
    case DType::kUint8:
      return AppendInteger<uint8_t>(leaf, data);
    case DType::kUint16:
      return AppendInteger<uint16_t>(leaf, data);
    case DType::kUint32:
      return AppendInteger<uint32_t>(leaf, data);
    case DType::kUint64:
      return AppendInteger<uint64_t>(leaf, data);
    case DType::kInt8:
      return AppendInteger<int8_t>(leaf, data);
    case DType::kInt16:
      return AppendInteger<int16_t>(leaf, data);
    case DType::kInt32:
      return AppendInteger<int32_t>(leaf, data);
    case DType::kInt64:
      return AppendInteger<int64_t>(leaf, data);
    default:
      return AppendFloat(dtype, leaf, data);
  }
}

absl::StatusOr<std::vector<int64_t>> ShapeFromJson(const Json& json,
                                                   const std::string& place) {
  std::vector<int64_t> shape;
  const bool is_shape =
      json.is_array() && std::ranges::all_of(json, [](const Json& size) {
        return size.is_number_integer() && size >= 0;
      });
  if (!is_shape) return Wrong(place, "\"shape\" is an array of sizes");
  for (const Json& size : json) shape.push_back(size.get<int64_t>());
  return shape;
}

// Shortest decimal that reads back as the same float, as a double: 0.1f is 0.1.
Json FloatToJson(float number) {
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), number).ptr;
  double same = 0;
  std::from_chars(text.data(), end, same);
  return same;
}

Json Number(double number, bool is_single) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  return is_single ? FloatToJson(static_cast<float>(number)) : Json(number);
}

template <typename T>
T ReadAt(const std::string& data, size_t index) {
  T element;
  std::memcpy(&element, data.data() + index * sizeof(T), sizeof(T));
  return element;
}

}  // namespace

bool IsTensorObject(const Json& json) {
  if (!json.is_object() || !json.contains("data")) return false;
  return std::ranges::all_of(json.items(), [](const auto& item) {
    return item.key() == "data" || item.key() == "dtype" ||
           item.key() == "shape";
  });
}

absl::StatusOr<Tensor> TensorFromJson(const Json& json,
                                      std::optional<DType> dtype,
                                      const std::string& place) {
  const bool is_object = IsTensorObject(json);
  Flattened flattened;
  RETURN_IF_ERROR(
      Flatten(is_object ? json.at("data") : json, 0, place, flattened));
  if (is_object && json.contains("dtype")) {
    if (!json.at("dtype").is_string()) {
      return Wrong(place, "\"dtype\" is a name such as \"float32\"");
    }
    absl::StatusOr<DType> named =
        ParseTorchName(json.at("dtype").get<std::string>());
    if (!named.ok())
      return Wrong(place, named.status().ToString(
                              absl::StatusToStringMode::kWithNoExtraData));
    dtype = *named;
  }
  Tensor tensor;
  tensor.dtype = dtype.value_or(GuessDType(flattened.leaves));
  const size_t leaves_each = IsComplex(tensor.dtype) ? 2 : 1;
  if (leaves_each == 2) {
    if (flattened.shape.empty() || flattened.shape.back() != 2) {
      return Wrong(place, "a complex number is a pair [real, imaginary]");
    }
    flattened.shape.pop_back();
  }
  tensor.shape = flattened.shape;
  if (is_object && json.contains("shape")) {
    ASSIGN_OR_RETURN(tensor.shape, ShapeFromJson(json.at("shape"), place));
    const absl::StatusOr<uint64_t> size_bytes =
        TensorBytes(tensor.dtype, tensor.shape);
    const size_t elements = flattened.leaves.size() / leaves_each;
    if (!size_bytes.ok() || *size_bytes / SizeBytes(tensor.dtype) != elements) {
      return Wrong(place, absl::StrCat("has ", elements,
                                       " elements, which do not fill the shape "
                                       "[",
                                       absl::StrJoin(tensor.shape, ", "), "]"));
    }
  }
  for (const Json* leaf : flattened.leaves) {
    if (!AppendElement(tensor.dtype, *leaf, tensor.data)) {
      return Wrong(place, absl::StrCat(leaf->dump(), " is no ",
                                       AbslView(TorchName(tensor.dtype))));
    }
  }
  return tensor;
}

Json ElementToJson(const Tensor& tensor, size_t index) {
  const std::string& data = tensor.data;
  switch (tensor.dtype) {
    case DType::kBool:
      return data[index] != 0;
    case DType::kUint8:
      return ReadAt<uint8_t>(data, index);
    case DType::kUint16:
      return ReadAt<uint16_t>(data, index);
    case DType::kUint32:
      return ReadAt<uint32_t>(data, index);
    case DType::kUint64:
      return ReadAt<uint64_t>(data, index);
    case DType::kInt8:
      return ReadAt<int8_t>(data, index);
    case DType::kInt16:
      return ReadAt<int16_t>(data, index);
    case DType::kInt32:
      return ReadAt<int32_t>(data, index);
    case DType::kInt64:
      return ReadAt<int64_t>(data, index);
    case DType::kFloat16:
      return Number(Float16Value(ReadAt<uint16_t>(data, index)), true);
    case DType::kBfloat16:
      return Number(Bfloat16Value(ReadAt<uint16_t>(data, index)), true);
    case DType::kFloat32:
      return Number(ReadAt<float>(data, index), true);
    case DType::kFloat64:
      return Number(ReadAt<double>(data, index), false);
    case DType::kComplex64:
      return Json::array({Number(ReadAt<float>(data, 2 * index), true),
                          Number(ReadAt<float>(data, 2 * index + 1), true)});
    case DType::kComplex128:
      return Json::array({Number(ReadAt<double>(data, 2 * index), false),
                          Number(ReadAt<double>(data, 2 * index + 1), false)});
  }
  return nullptr;
}

Json TensorToJson(const Tensor& tensor) {
  Json data = Json::array();
  const size_t elements = tensor.data.size() / SizeBytes(tensor.dtype);
  for (size_t i = 0; i < elements; ++i) {
    data.push_back(ElementToJson(tensor, i));
  }
  return {{"dtype", TorchName(tensor.dtype)},
          {"shape", tensor.shape},
          {"data", std::move(data)}};
}

}  // namespace ferry::client
