// InputShapes() and OutputShapes() show any nesting of values as the flat list
// of named tensors that protocols and people read: "x", "x.0", "x.scale", ...
// with KServe datatypes.
//
// Numbers and strings show as tensors of shape [1]; None is left out. Strings
// in lists come in as one tensor of BYTES, and go out as one each.
//
// Threads:  any; pure functions.
// Units:    shapes in elements.
// Limits:   kShapesMax tensors: a list of more is its first element, which says
//           of how many, and what else is too much is left out, as is a tensor
//           whose name is longer than kTensorNameLengthMax.

#ifndef SERVER_VALUES_TENSOR_SHAPES_H_
#define SERVER_VALUES_TENSOR_SHAPES_H_

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "server/values/signature.h"
#include "server/values/value.h"

namespace ferry {

inline constexpr size_t kShapesMax = 256;

std::vector<TensorSpec> InputShapes(std::span<const NamedValue> inputs);
std::vector<TensorSpec> OutputShapes(std::span<const NamedValue> outputs);

// Of an input that is one tensor, without its name; nothing of others.
std::optional<TensorSpec> InputShape(const Value& value);

}  // namespace ferry

#endif  // SERVER_VALUES_TENSOR_SHAPES_H_
