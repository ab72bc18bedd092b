#include "client/value.h"

#include <algorithm>
#include <array>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"

namespace ferry::client {
namespace {

struct DTypeRow {
  DType dtype;
  uint64_t size_bytes;
  std::string_view name;
  std::string_view datatype;  // Empty: KServe v2 has no name for it.
};

constexpr std::array<DTypeRow, 15> kDTypes = {{
    {DType::kBool, 1, "bool", "BOOL"},
    {DType::kUint8, 1, "uint8", "UINT8"},
    {DType::kUint16, 2, "uint16", "UINT16"},
    {DType::kUint32, 4, "uint32", "UINT32"},
    {DType::kUint64, 8, "uint64", "UINT64"},
    {DType::kInt8, 1, "int8", "INT8"},
    {DType::kInt16, 2, "int16", "INT16"},
    {DType::kInt32, 4, "int32", "INT32"},
    {DType::kInt64, 8, "int64", "INT64"},
    {DType::kFloat16, 2, "float16", "FP16"},
    {DType::kBfloat16, 2, "bfloat16", "BF16"},
    {DType::kFloat32, 4, "float32", "FP32"},
    {DType::kFloat64, 8, "float64", "FP64"},
    {DType::kComplex64, 8, "complex64", ""},
    {DType::kComplex128, 16, "complex128", ""},
}};

const DTypeRow& Row(DType dtype) { return kDTypes[static_cast<int>(dtype)]; }

// The rows stand in the order of the enumeration, so that Row() may index.
static_assert([] {
  for (size_t i = 0; i < kDTypes.size(); ++i) {
    if (static_cast<size_t>(kDTypes[i].dtype) != i) return false;
  }
  return true;
}());

}  // namespace

uint64_t SizeBytes(DType dtype) { return Row(dtype).size_bytes; }

std::string_view DTypeName(DType dtype) { return Row(dtype).name; }

absl::StatusOr<DType> ParseDType(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "dtype ", Shown(name), ": not one of ",
      absl::StrJoin(kDTypes, ", ", [](std::string* out, const DTypeRow& row) {
        out->append(row.name);
      })));
}

absl::StatusOr<DType> ParseDatatype(std::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (!name.empty() && row.datatype == name) return row.dtype;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("datatype ", Shown(name), ": not one that a tensor has"));
}

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
