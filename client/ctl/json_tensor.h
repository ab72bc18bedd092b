// Tensors as JSON: nested arrays of numbers, or an object that names dtype and
// shape, {"dtype": "float32", "shape": [2], "data": [1, 2]}.
//
// The object may leave out dtype and shape; its data may be flat or nested. A
// complex number is a pair [real, imaginary]. What JSON has no number for is
// written "NaN", "Infinity" and "-Infinity".
//
// Threads:  any; pure functions.
// Fails:    INVALID_ARGUMENT, naming `place`: ragged arrays, a number that the
//           dtype cannot hold, a shape that does not match the data.

#ifndef CLIENT_CTL_JSON_TENSOR_H_
#define CLIENT_CTL_JSON_TENSOR_H_

#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

#include "client/value.h"

namespace ferry::client {

using Json = nlohmann::ordered_json;

// It is the object form.
bool IsTensorObject(const Json& json);

// Without a dtype in the JSON, `dtype`; without that, bool when all elements
// are, int64 when all are integers, else float32.
absl::StatusOr<Tensor> TensorFromJson(const Json& json,
                                      std::optional<DType> dtype,
                                      const std::string& place);

// The object form, its data flat, each number as short as it can be without
// becoming another one.
Json TensorToJson(const Tensor& tensor);

// One element, by its index in the data.
Json ElementToJson(const Tensor& tensor, size_t index);

}  // namespace ferry::client

#endif  // CLIENT_CTL_JSON_TENSOR_H_
