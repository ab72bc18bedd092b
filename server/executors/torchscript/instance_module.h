// An InstanceModule is what a TorchScriptInstance runs: a program's objects and
// code over one lease.
//
// Owns:     the bound objects and code. The program and the weights outlive it.
// Threads:  as torchscript_instance.h says.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_INSTANCE_MODULE_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_INSTANCE_MODULE_H_

#include <memory>
#include <vector>

#include <torch/csrc/jit/runtime/interpreter.h>

#include "absl/status/status.h"

#include "server/base/mutex.h"
#include "server/executors/torchscript/program_code.h"
#include "server/weights/weight_set.h"

namespace ferry {

struct InstanceModule {
  InstanceModule(const ProgramCode& program, const WeightSet& weight_set,
                 const WeightSet* state_set);

  // Makes `defaults`, `self` and `plan` as views of the weights. Reads no
  // weight.
  absl::Status Bind();
  // Gives `self` the state that the file has, before the first run: copies
  // what will be written. May throw.
  void MakeState();
  // Instead: objects and constants as they are in `from`, weights of its lease
  // becoming weights of this one. May throw.
  void TakeStateOf(const InstanceModule& from);

  const ProgramCode& code;
  const WeightSet& weights;
  const WeightSet* const state;  // Null when nothing of the weights is written.
  const c10::Device torch_device;

  Mutex turn;  // Held for a run when the program is stateful.
  std::vector<c10::IValue> defaults;  // Constant once bound.
  c10::IValue self;
  // What `plan` was made of, and holds its constants; null where the program's
  // plan serves.
  std::shared_ptr<torch::jit::Graph> graph;
  torch::jit::Code plan;
  bool has_state = false;

 private:
  void BuildFrom(const c10::IValue& objects, torch::jit::Graph& constants,
                 StorageMap& storages);
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_INSTANCE_MODULE_H_
