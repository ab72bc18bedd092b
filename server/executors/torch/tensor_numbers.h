// NumberAt() reads one element of a request's tensor as a plain number.
//
// Threads:  any.

#ifndef SERVER_EXECUTORS_TORCH_TENSOR_NUMBERS_H_
#define SERVER_EXECUTORS_TORCH_TENSOR_NUMBERS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>

#include "server/values/value.h"

namespace ferry {

using TensorNumber = std::variant<int64_t, double, bool>;

// Nothing for a complex number, or an unsigned one above 2^63 - 1.
// INVARIANT: the element is there.
std::optional<TensorNumber> NumberAt(const TensorView& tensor, size_t index);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_TENSOR_NUMBERS_H_
