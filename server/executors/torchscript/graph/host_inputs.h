// FindHostInputs() reads from a program which inputs it wants in host memory,
// wherever its weights are: the lengths that pack_padded_sequence takes, say.
//
// Found from the operators that want a tensor there (TensorNeeds `h`), back
// through everything that leaves a tensor where it is. Where a trace moves it
// on the way, the "cpu" that it wrote down is meant, and stays: any other is
// only where the tracing was done, and becomes the instance's own device.
//
// Threads:  nobody uses the graph meanwhile.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_HOST_INPUTS_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_HOST_INPUTS_H_

#include <string>
#include <vector>

#include <ATen/core/function_schema.h>
#include <torch/csrc/jit/ir/ir.h>

namespace ferry {

// Flattened names, "lengths" or "packed.batch_sizes", sorted; a list's name is
// that of all its elements. `graph` is a MakeForwardGraph() of the method with
// that schema; its constants "cpu" that are meant become FixedDevices.
std::vector<std::string> FindHostInputs(torch::jit::Graph& graph,
                                        const c10::FunctionSchema& schema);

// Whether a constant is a device that no instance replaces.
bool IsFixedDevice(const torch::jit::Node& constant);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_GRAPH_HOST_INPUTS_H_
