// CheckTensor() says whether a request's bytes are the tensor that it says they
// are: once, where they come in.
//
// Threads:  any; pure functions.
// Units:    bytes; shapes in elements.
// Fails:    INVALID_ARGUMENT, with both numbers where two disagree. The message
//           does not say which tensor: the caller knows.
// Limits:   kRankMax dimensions, kValuesMax values.

#ifndef SERVER_VALUES_TENSOR_CHECK_H_
#define SERVER_VALUES_TENSOR_CHECK_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/values/value.h"

namespace ferry {

// Of one request, tensors counted as one. A value takes some hundred bytes in
// memory, and as few as four in a message.
inline constexpr uint64_t kValuesMax = uint64_t{1} << 20;

// OK when a request may have so many values.
absl::Status CheckValues(uint64_t values);

// The product of the dimensions. Refuses what does not fit an int64, counting
// an empty dimension as one: LibTorch multiplies strides that way.
absl::StatusOr<uint64_t> CountElements(std::span<const int64_t> shape);

// OK when the tensor's bytes are as many as its shape and dtype say, and valid:
// a bool is 0 or 1, any other value of it is undefined. `dtype` is for the
// message, in the words of the protocol.
absl::Status CheckTensor(const TensorView& tensor, std::string_view dtype);

// "[2, 3]".
std::string ShapeText(std::span<const int64_t> shape);

}  // namespace ferry

#endif  // SERVER_VALUES_TENSOR_CHECK_H_
