// ConstantStandIns take the place of a file's constant tensors while LibTorch
// compiles its code.
//
// LibTorch's compiler compares constants of one type and shape byte by byte, to
// merge equal ones; before the weights are there they have no bytes. A stand-in
// has a shape that no other has, so it is compared no further.
//
// Owns:     which tensor stands for which.
// Threads:  one thread at a time; call under InferenceMode.

#ifndef SERVER_EXECUTORS_CONSTANT_STAND_INS_H_
#define SERVER_EXECUTORS_CONSTANT_STAND_INS_H_

#include <unordered_map>

#include <ATen/core/ivalue.h>
#include <torch/csrc/jit/api/compilation_unit.h>

namespace ferry {

class ConstantStandIns {
 public:
  // The constant with each tensor in it replaced.
  c10::IValue StandInFor(const c10::IValue& constant);

  // Puts the tensors back, in every graph that is compiled and every default
  // value.
  void PutBack(const torch::jit::CompilationUnit& unit) const;

 private:
  at::Tensor Make(const at::Tensor& tensor);
  void PutBackDefaults(torch::jit::Function& function) const;
  c10::IValue Original(const c10::IValue& value) const;

  // By the stand-in; both kept alive.
  std::unordered_map<const c10::TensorImpl*, std::pair<at::Tensor, at::Tensor>>
      originals_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_CONSTANT_STAND_INS_H_
