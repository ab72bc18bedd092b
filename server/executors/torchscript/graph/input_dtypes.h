// FindInputDtypes() reads from a program which dtypes its inputs have.
//
// A schema says "Tensor". But an input that is multiplied with a weight has
// that weight's dtype, and one that looks up rows of it is int64: the first
// weight that an input meets tells, by what the operators there need of their
// tensors (TensorNeeds). Through a conversion, or an operator that is not known
// there, nothing is told. It is a hint: which branches run is not looked at.
//
// Threads:  any; nobody changes the graph meanwhile. No weight is read.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_INPUT_DTYPES_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_INPUT_DTYPES_H_

#include <optional>
#include <vector>

#include <ATen/core/ivalue.h>
#include <torch/csrc/jit/ir/ir.h>

#include "server/values/signature.h"
#include "server/values/value.h"

namespace ferry {

struct InputDtype {
  DType dtype = DType::kFloat32;
  DtypeNeed need = DtypeNeed::kExact;
};

// One for each input of the graph but self, which is its first; nothing where
// two operators say different things. Of a list, what all its tensors have.
// `graph` is a MakeForwardGraph() of `self`.
std::vector<std::optional<InputDtype>> FindInputDtypes(torch::jit::Graph& graph,
                                                       const c10::IValue& self);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_INPUT_DTYPES_H_
