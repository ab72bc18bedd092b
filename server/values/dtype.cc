#include "server/values/dtype.h"

#include <array>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/ids.h"
#include "server/base/invariant.h"

namespace ferry {

namespace {

struct Row {
  DType dtype;
  uint64_t size_bytes;
  std::string_view torch_name;
  std::string_view kserve_name;  // Empty where KServe has none.
};

constexpr std::array<Row, 15> kRows = {{
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

const Row& RowOf(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  INVARIANT(index < kRows.size() && kRows[index].dtype == dtype);
  return kRows[index];
}

}  // namespace

uint64_t SizeBytes(DType dtype) { return RowOf(dtype).size_bytes; }

std::string_view TorchName(DType dtype) { return RowOf(dtype).torch_name; }

std::string_view KServeName(DType dtype) { return RowOf(dtype).kserve_name; }

absl::StatusOr<DType> ParseKServeName(std::string_view name) {
  for (const Row& row : kRows) {
    if (!name.empty() && row.kserve_name == name) return row.dtype;
  }
  std::string allowed;
  for (const Row& row : kRows) {
    if (row.kserve_name.empty()) continue;
    absl::StrAppend(&allowed, allowed.empty() ? "" : ", ",
                    std::string(row.kserve_name));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "datatype ", Shown(name), " is not a tensor's: use one of ", allowed));
}

}  // namespace ferry
