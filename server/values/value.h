// A Value is what goes into a model and comes out of it: a tensor, or any
// nesting of lists, tuples and dicts of tensors, numbers, strings and None.
//
// It is the one form that rpc/ decodes requests into and encodes answers from;
// only executors/ turns it into LibTorch's own values, where the model runs.
//
// Owns:     everything but tensor bytes, which it borrows: from the request for
//           inputs, from the RunResult for outputs.
// Threads:  one thread at a time.
// Units:    bytes, row-major, no padding, little-endian.
// Limits:   kDepthMax levels of nesting, kRankMax dimensions.

#ifndef SERVER_VALUES_VALUE_H_
#define SERVER_VALUES_VALUE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "server/values/dtype.h"

namespace ferry {

// Of a tensor that comes from outside: of a request or a file. LibTorch's
// operators take no more (TensorIterator).
inline constexpr size_t kRankMax = 64;

// Whoever takes one from outside has held it against CheckTensor
// (tensor_check.h): its bytes are as many as shape and dtype say.
struct TensorView {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;  // Empty: a scalar.
  std::span<const std::byte> bytes;
};

struct None {
  bool operator==(const None&) const = default;
};

struct DictEntry;

struct Value {
  // Of dicts in dicts no more fit into the 100 messages in messages that
  // protobuf parses.
  static constexpr int kDepthMax = 32;

  using List = std::vector<Value>;
  struct Tuple {
    std::vector<Value> elements;
    std::vector<std::string> names;  // Of a NamedTuple; else empty.
  };
  // In order; keys of a model's Dict are str, int, float or bool and are
  // written here as text.
  using Dict = std::vector<DictEntry>;

  std::variant<None, TensorView, int64_t, double, bool, std::string, List,
               Tuple, Dict>
      value;
};

struct DictEntry {
  std::string key;
  Value value;
};

struct NamedValue {
  std::string name;
  Value value;
};

}  // namespace ferry

#endif  // SERVER_VALUES_VALUE_H_
