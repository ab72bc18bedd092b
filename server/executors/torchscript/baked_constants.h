// Constants that tracing or freezing baked into a graph: tensors, lists of
// tensors, devices. They are weights, too, and bound to a device as weights
// are, on a copy of the graph and before it first runs.
//
// Threads:  nobody uses the graph meanwhile.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_BAKED_CONSTANTS_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_BAKED_CONSTANTS_H_

#include <torch/csrc/jit/ir/ir.h>

#include "server/executors/torchscript/storage_map.h"

namespace ferry {

// Whether a graph must be bound for each device.
bool HasBakedConstants(torch::jit::Graph& graph);

// Tensors without dimensions stay on the host wherever the model runs: they are
// legal beside device tensors there and cheaper. Each becomes a copy of its
// own; its bytes must be there.
void OwnScalars(torch::jit::Graph& graph);

// Tensors are those of `values`, `graph` itself or one of its copies, and
// become views of the lease. Devices become the map's own, except those that
// are fixed (host_inputs.h), and that "cpu" beside others is meant: the model
// was made on an accelerator and computes that part on the host. Throws what
// CopyTree() throws.
void BindConstants(torch::jit::Graph& graph, torch::jit::Graph& values,
                   StorageMap& storages);

// A default value of an argument, in the same way.
c10::IValue BindValue(const c10::IValue& value, StorageMap& storages);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_BAKED_CONSTANTS_H_
