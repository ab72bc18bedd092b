// ForEachTensor() visits every tensor that a value of LibTorch's holds, in
// objects, lists, tuples and dicts of any depth.
//
// Threads:  any; nobody changes the value meanwhile.

#ifndef SERVER_EXECUTORS_TORCH_IVALUE_WALK_H_
#define SERVER_EXECUTORS_TORCH_IVALUE_WALK_H_

#include <functional>

#include <ATen/core/ivalue.h>

namespace ferry {

// Each object once, undefined tensors not at all. C++ objects are not entered.
void ForEachTensor(const c10::IValue& value,
                   const std::function<void(const at::Tensor&)>& visit);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_IVALUE_WALK_H_
