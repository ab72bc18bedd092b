#include "server/values/dtype.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

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

const Row* Find(std::string_view Row::*column, std::string_view name) {
  const auto found = std::ranges::find(kRows, name, column);
  return name.empty() || found == kRows.end() ? nullptr : &*found;
}

std::string NamesOf(std::string_view Row::*column) {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    if (!(row.*column).empty()) names.emplace_back(row.*column);
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

uint64_t SizeBytes(DType dtype) { return RowOf(dtype).size_bytes; }

std::string_view TorchName(DType dtype) { return RowOf(dtype).torch_name; }

std::string_view KServeName(DType dtype) { return RowOf(dtype).kserve_name; }

absl::StatusOr<DType> ParseTorchName(std::string_view name) {
  if (const Row* row = Find(&Row::torch_name, name)) return row->dtype;
  return absl::InvalidArgumentError(absl::StrCat(
      "dtype ", Shown(name), ": not one of ", NamesOf(&Row::torch_name)));
}

absl::StatusOr<DType> ParseKServeName(std::string_view name) {
  if (const Row* row = Find(&Row::kserve_name, name)) return row->dtype;
  return absl::InvalidArgumentError(
      absl::StrCat("datatype ", Shown(name), " is not a tensor's: use one of ",
                   NamesOf(&Row::kserve_name)));
}

}  // namespace ferry
