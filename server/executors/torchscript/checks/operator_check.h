// An OperatorCheck finds code that reaches outside the process, by name.
//
// TorchScript can write files (aten::save), map them (aten::from_file), call
// other machines and wrap raw addresses. None of it belongs in a served model,
// so a file that contains one such operator anywhere is refused before any of
// its functions runs: operators of unknown libraries, threads of its own, and
// C++ classes other than packed weights included. (default_check.h has what
// LibTorch runs before there are functions.)
//
// Refused, too, are operators that trust their arguments and of which no model
// that serves has need: parts of others, of training, of LibTorch's compiler.
// (operator_guards.h has those that are needed.)
//
// Threads:  one thread at a time.
// Fails:    INVALID_ARGUMENT naming the operator and the function it is in.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_OPERATOR_CHECK_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_OPERATOR_CHECK_H_

#include <string_view>
#include <unordered_set>

#include <torch/csrc/jit/api/compilation_unit.h>

#include "absl/status/status.h"

namespace ferry {

class OperatorCheck {
 public:
  // Every function that was not checked before; compiles those that LibTorch
  // has not compiled yet, and so throws what its compiler throws.
  absl::Status Check(const torch::jit::CompilationUnit& unit);

 private:
  std::unordered_set<const torch::jit::Function*> checked_;
};

// Whether a file may contain an operator: "aten::relu".
bool IsServed(std::string_view operator_name);

// Whether a class that is written in C++ may be made:
// "__torch__.torch.classes.quantized.LinearPackedParamsBase".
absl::Status CheckNativeClass(std::string_view qualified_name);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_CHECKS_OPERATOR_CHECK_H_
