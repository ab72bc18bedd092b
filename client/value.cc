#include "client/value.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace ferry::client {

absl::StatusOr<uint64_t> TensorBytes(DType dtype,
                                     const std::vector<int64_t>& shape) {
  constexpr uint64_t kBytesMax = std::numeric_limits<int64_t>::max();
  // A zero anywhere makes nothing of sizes that would overflow together.
  const bool is_empty = std::ranges::find(shape, 0) != shape.end();
  uint64_t size_bytes = SizeBytes(dtype);
  for (const int64_t size : shape) {
    if (size < 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape: the size ", size, " is negative"));
    }
    if (is_empty) continue;
    if (size_bytes > kBytesMax / static_cast<uint64_t>(size)) {
      return absl::InvalidArgumentError(
          absl::StrCat("shape [", absl::StrJoin(shape, ", "),
                       "]: more than 2^63 - 1 bytes"));
    }
    size_bytes *= static_cast<uint64_t>(size);
  }
  return is_empty ? 0 : size_bytes;
}

// Here, because Value is not complete before: GCC refuses to default them.
bool Value::Tuple::operator==(const Tuple& other) const {
  return names == other.names && elements == other.elements;
}

bool Value::operator==(const Value& other) const {
  return value == other.value;
}

}  // namespace ferry::client
