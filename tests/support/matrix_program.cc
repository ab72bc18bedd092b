#include "tests/support/matrix_program.h"

#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

struct Numbers final : RunResult::Memory {
  std::vector<double> values;
};

// Of float32 or float64, as doubles.
std::vector<double> AsDoubles(std::span<const std::byte> bytes, DType dtype) {
  std::vector<double> numbers(bytes.size() / SizeBytes(dtype));
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (dtype == DType::kFloat64) {
      std::memcpy(&numbers[i], &bytes[i * 8], 8);
    } else {
      float number = 0;
      std::memcpy(&number, &bytes[i * 4], 4);
      numbers[i] = number;
    }
  }
  return numbers;
}

class MatrixInstance final : public Instance {
 public:
  MatrixInstance(const std::vector<NpySource::Array>& arrays,
                 const std::vector<Record>& records, const WeightSet& weights)
      : arrays_(arrays), records_(records), weights_(weights) {}

  // x is float64 [in]; the answer, "output", float64 [out].
  absl::StatusOr<RunResult> Run(std::span<const NamedValue> inputs) override {
    const TensorView* x = inputs.size() == 1
                              ? std::get_if<TensorView>(&inputs[0].value.value)
                              : nullptr;
    ASSIGN_OR_RETURN(const std::vector<double> w, Read(0));
    const std::vector<int64_t>& shape = arrays_[0].shape;
    const auto rows = static_cast<size_t>(shape[0]);
    const size_t columns =
        shape.size() == 2 ? static_cast<size_t>(shape[1]) : 1;
    if (x == nullptr || x->dtype != DType::kFloat64 ||
        x->bytes.size() != rows * sizeof(double)) {
      return absl::InvalidArgumentError(
          absl::StrCat("inputs: x: the model takes ", rows, " float64"));
    }
    const std::vector<double> row = AsDoubles(x->bytes, x->dtype);
    auto memory = std::make_unique<Numbers>();
    memory->values.assign(columns, 0);
    if (arrays_.size() == 2) {
      ASSIGN_OR_RETURN(memory->values, Read(1));
    }
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < columns; ++j) {
        memory->values[j] += row[i] * w[i * columns + j];
      }
    }
    std::vector<NamedValue> outputs = {
        {.name = "output",
         .value = {
             TensorView{.dtype = DType::kFloat64,
                        .shape = {static_cast<int64_t>(columns)},
                        .bytes = std::as_bytes(std::span(memory->values))}}}};
    return RunResult(std::move(outputs), std::move(memory));
  }

  absl::Status WarmUp(std::span<const NamedValue> inputs, std::stop_token,
                      absl::Duration) override {
    Run(inputs).status().IgnoreError();
    return device().Health();
  }
  absl::Status CarryStateFrom(Instance&) override { return absl::OkStatus(); }
  Device& device() const override { return weights_.device(); }

 private:
  // An array of the weights, from wherever they are.
  absl::StatusOr<std::vector<double>> Read(size_t index) const {
    std::vector<std::byte> bytes(records_[index].size_bytes);
    RETURN_IF_ERROR(device().CopyOut(
        bytes, weights_.data() + records_[index].image_offset_bytes));
    return AsDoubles(bytes, arrays_[index].dtype);
  }

  const std::vector<NpySource::Array>& arrays_;
  const std::vector<Record>& records_;
  const WeightSet& weights_;
};

}  // namespace

MatrixProgram::MatrixProgram(const NpySource& source)
    : arrays_(source.arrays()), records_(source.layout().records) {
  signature_.inputs = {{.name = "x", .type = "Tensor", .datatype = "FP64"}};
  signature_.outputs = {{.name = "output", .type = "Tensor"}};
}

absl::StatusOr<std::unique_ptr<Program>> MatrixProgram::Open(
    const WeightsSource& source, const WeightSet*, std::stop_token,
    std::span<const std::string>) {
  const auto* arrays = dynamic_cast<const NpySource*>(&source);
  if (arrays == nullptr) return absl::UnimplementedError("no arrays");
  return std::unique_ptr<Program>(new MatrixProgram(*arrays));
}

absl::StatusOr<std::unique_ptr<Instance>> MatrixProgram::Bind(
    const WeightSet& weights, const WeightSet* state) const {
  INVARIANT(state == nullptr);
  return std::make_unique<MatrixInstance>(arrays_, records_, weights);
}

}  // namespace ferry
