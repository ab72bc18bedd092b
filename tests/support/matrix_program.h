// A MatrixProgram multiplies: x @ w + b, with w and b from NumPy's files. It is
// a second kind of Program, without a line of LibTorch.
//
// Threads:  as program.h and instance.h say.
// Fails:    as they say; UNIMPLEMENTED for a source that is not an NpySource.

#ifndef TESTS_SUPPORT_MATRIX_PROGRAM_H_
#define TESTS_SUPPORT_MATRIX_PROGRAM_H_

#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

#include "server/executors/program.h"
#include "server/formats/weights_source.h"
#include "tests/support/npy_source.h"

namespace ferry {

class MatrixProgram final : public Program {
 public:
  // As OpenProgram.
  static absl::StatusOr<std::unique_ptr<Program>> Open(
      const WeightsSource& source, const WeightSet* host, std::stop_token stop,
      std::span<const std::string> host_inputs);

  absl::StatusOr<std::unique_ptr<Instance>> Bind(
      const WeightSet& weights, const WeightSet* state) const override;
  std::string_view platform() const override { return "numpy_matrix"; }
  const Signature& signature() const override { return signature_; }
  bool stateful() const override { return false; }
  uint64_t state_bytes() const override { return 0; }
  bool ran_code_at_load() const override { return false; }
  uint64_t activation_peak_bytes() const override { return 0; }

 private:
  explicit MatrixProgram(const NpySource& source);

  // Where the arrays are in the image.
  const std::vector<NpySource::Array> arrays_;
  const std::vector<Record> records_;
  Signature signature_;
};

}  // namespace ferry

#endif  // TESTS_SUPPORT_MATRIX_PROGRAM_H_
