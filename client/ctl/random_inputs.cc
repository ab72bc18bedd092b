#include "client/ctl/random_inputs.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "client/ctl/json_tensor.h"
#include "server/base/bytes.h"
#include "server/base/status_macros.h"

namespace ferry::client {
namespace {

constexpr uint64_t kRandomBytesMax = uint64_t{1} << 30;

bool IsFloating(DType dtype) { return dtype >= DType::kFloat16; }

// The standard's distributions differ from library to library; this does not.
double NextUnit(std::mt19937_64& random) {
  return static_cast<double>(random() >> 11) * 0x1.0p-53;
}

absl::StatusOr<Tensor> RandomTensor(const TensorShape& known,
                                    std::mt19937_64& random) {
  Tensor tensor;
  ASSIGN_OR_RETURN(tensor.dtype, ParseKServeName(known.datatype));
  for (const int64_t size : known.shape) {
    tensor.shape.push_back(size < 0 ? 1 : size);
  }
  ASSIGN_OR_RETURN(const uint64_t size_bytes,
                   TensorBytes(tensor.dtype, tensor.shape));
  if (size_bytes > kRandomBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat("input ", known.name, ": ",
                                                   FormatBytes(size_bytes),
                                                   " are too many to make up"));
  }
  const uint64_t elements = size_bytes / SizeBytes(tensor.dtype);
  // Through JSON's reader, which knows how each dtype is written.
  Json data = Json::array();
  for (uint64_t i = 0; i < elements; ++i) {
    if (IsFloating(tensor.dtype)) {
      data.push_back(2 * NextUnit(random) - 1);
    } else {
      data.push_back(static_cast<int>(random() >> 63));
    }
  }
  ASSIGN_OR_RETURN(const Tensor flat,
                   TensorFromJson(data, tensor.dtype, known.name));
  tensor.data = flat.data;
  return tensor;
}

}  // namespace

absl::StatusOr<std::vector<NamedValue>> RandomInputs(
    const Signature& signature, uint64_t seed, std::vector<NamedValue> given) {
  std::mt19937_64 random(seed);
  for (const Argument& argument : signature.inputs) {
    const bool is_given = std::ranges::find(given, argument.name,
                                            &NamedValue::name) != given.end();
    if (is_given || !argument.required) continue;
    if (argument.type != "Tensor") {
      return absl::InvalidArgumentError(absl::StrCat(
          "input ", argument.name, ": it is of type ", argument.type,
          ", which --random cannot make up; give it with --input"));
    }
    const auto known = std::ranges::find(signature.input_shapes, argument.name,
                                         &TensorShape::name);
    if (known == signature.input_shapes.end()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input ", argument.name,
          ": its shape is not known, so --random cannot make it up; give it "
          "with --input or --npy, or write the model's .json file"));
    }
    ASSIGN_OR_RETURN(Tensor tensor, RandomTensor(*known, random));
    given.push_back({.name = argument.name, .value = Value{std::move(tensor)}});
  }
  return given;
}

}  // namespace ferry::client
