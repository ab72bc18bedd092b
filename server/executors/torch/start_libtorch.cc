#include "server/executors/torch/start_libtorch.h"

#include <optional>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Logging.h>
#include <torch/csrc/jit/ir/irparser.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <torch/csrc/jit/runtime/print_handler.h>

#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/executors/torch/operator_guards.h"
#include "server/executors/torch/torch_error.h"
#include "server/executors/torch/torch_types.h"

namespace ferry {

void StartLibTorch(int intra_op_threads) {
  INVARIANT(intra_op_threads > 0);
  GuardOperators();
  at::set_num_threads(intra_op_threads);
  // One slow run for each graph instead of two, and no fusion, which buys
  // nothing on the cpu.
  torch::jit::getProfilingMode() = false;
  torch::jit::getExecutorMode() = true;
  // What an operator throws arrives as it was thrown: out of memory is a kind
  // of its own.
  FLAGS_torch_jit_enable_rethrow_caught_exception = true;
  // Both outputs are the daemon's: what a model prints is dropped, and what
  // LibTorch warns of, whose lines would stand between those of the log.
  torch::jit::setPrintHandler([](const std::string&) {});
  FLAGS_caffe2_log_level = c10::GLOG_ERROR;

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

absl::Status TryLibTorchOn(const Device& device) {
  const c10::Device there = ToTorchDevice(device.id());
  const c10::InferenceMode inference;
  try {
    const c10::OptionalDeviceGuard guard(
        there.is_cpu() ? std::nullopt : std::optional<c10::Device>(there));
    const at::Tensor x = at::ones({2, 2}, at::TensorOptions().device(there));
    (void)at::linear(x, x).max().item();  // Waits for the answer.
  } catch (...) {
    const absl::Status status = CurrentExceptionStatus(
        absl::StatusCode::kFailedPrecondition, LastSentence);
    return absl::Status(status.code(),
                        absl::StrCat(device.name(), ": LibTorch cannot run ",
                                     "there: ", std::string(status.message())));
  }
  return absl::OkStatus();
}

}  // namespace ferry
