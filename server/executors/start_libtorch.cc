// StartLibTorch(), which program.h declares: it belongs to no one Program.

#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/jit/ir/irparser.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/csrc/jit/runtime/print_handler.h>

#include "server/base/invariant.h"
#include "server/executors/program.h"

namespace ferry {

void StartLibTorch(int intra_op_threads) {
  INVARIANT(intra_op_threads > 0);
  at::set_num_threads(intra_op_threads);
  // One slow run for each graph instead of two, and no fusion, which buys
  // nothing on the cpu.
  torch::jit::getProfilingMode() = false;
  torch::jit::getExecutorMode() = true;
  // What an operator throws arrives as it was thrown: out of memory is a kind
  // of its own.
  FLAGS_torch_jit_enable_rethrow_caught_exception = true;
  // Standard output is the log's: what a model prints is dropped.
  torch::jit::setPrintHandler([](const std::string&) {});

  // The first operators and the first graph of a process cost tens of
  // milliseconds: pay here, not in the first request.
  const c10::InferenceMode inference;
  const at::Tensor x = at::ones({1, 1, 4, 4});
  at::linear(at::conv2d(x, at::ones({1, 1, 3, 3})), at::ones({2, 2}));
  const auto graph = std::make_shared<torch::jit::Graph>();
  torch::jit::parseIR(R"(
graph(%x : Tensor):
  %y : Tensor = aten::relu(%x)
  return (%y))",
                      graph.get());
  torch::jit::Stack stack{c10::IValue(x)};
  torch::jit::InterpreterState(torch::jit::Code(graph, "start")).run(stack);
}

}  // namespace ferry
