// A ProgramCode is what a TorchScriptProgram is made of, and its Instances use.
//
// Threads:  immutable once loaded.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_PROGRAM_CODE_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_PROGRAM_CODE_H_

#include <memory>
#include <optional>
#include <string>

#include <torch/csrc/jit/runtime/interpreter.h>

#include "server/executors/torch/activation_account.h"
#include "server/executors/torchscript/forward_arguments.h"
#include "server/executors/torchscript/graph/state_analysis.h"
#include "server/executors/torchscript/image_range.h"
#include "server/executors/torchscript/module_loader.h"
#include "server/executors/torchscript/storage_map.h"
#include "server/values/signature.h"

namespace ferry {

struct ProgramCode {
  std::string path;  // Of the file, for messages.
  ImageRange range;  // What the module's tensors point into.
  uint64_t image_bytes;
  LoadedModule module;
  std::shared_ptr<torch::jit::Graph> graph;  // Flat; never run itself.
  ForwardArguments arguments;
  Signature signature;
  StateFacts state;
  StateLayout state_layout;
  // When nothing is baked into the graph, all instances run this.
  std::optional<torch::jit::Code> plan;
  // Of all that this code allocates, in every instance.
  c10::intrusive_ptr<ActivationAccount> account;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_PROGRAM_CODE_H_
