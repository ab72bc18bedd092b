// A Value is what goes into a model and comes out of it: a tensor, or any
// nesting of lists, tuples and dicts of tensors, numbers, strings and None.
//
// Owns:     everything, tensor bytes too: a Value outlives its request.
// Threads:  any; plain values.
// Units:    shapes in elements; tensor data in bytes, row-major, little-endian,
//           without padding.
// Limits:   Value::kDepthMax levels of nesting, else the server refuses it.

#ifndef CLIENT_VALUE_H_
#define CLIENT_VALUE_H_

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

#include "server/values/dtype.h"

namespace ferry::client {

using ferry::DType;

struct Tensor {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;  // Empty: a scalar.
  std::string data;

  bool operator==(const Tensor&) const = default;
};

// The bytes that a tensor of this dtype and shape has. INVALID_ARGUMENT for a
// negative size, or when the product passes 2^63 - 1.
absl::StatusOr<uint64_t> TensorBytes(DType dtype,
                                     const std::vector<int64_t>& shape);

struct None {
  bool operator==(const None&) const = default;
};

struct Value {
  static constexpr int kDepthMax = 32;

  using List = std::vector<Value>;
  struct Tuple {
    std::vector<Value> elements;
    std::vector<std::string> names;  // Of a NamedTuple; else empty.
    bool operator==(const Tuple&) const;
  };
  // In order. Keys that are no strings are written as text.
  struct Entry;
  using Dict = std::vector<Entry>;

  std::variant<None, Tensor, int64_t, double, bool, std::string, List, Tuple,
               Dict>
      value;

  bool operator==(const Value&) const;
};

struct Value::Entry {
  std::string key;
  Value value;

  bool operator==(const Entry&) const = default;
};

struct NamedValue {
  std::string name;
  Value value;

  bool operator==(const NamedValue&) const = default;
};

}  // namespace ferry::client

#endif  // CLIENT_VALUE_H_
