#include "server/executors/torchscript/instance_module.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include "absl/strings/str_cat.h"

#include "server/executors/torch/torch_error.h"
#include "server/executors/torch/torch_types.h"
#include "server/executors/torchscript/baked_constants.h"
#include "server/executors/torchscript/storage_map.h"
#include "server/executors/torchscript/tree_copy.h"

namespace ferry {

InstanceModule::InstanceModule(const ProgramCode& program,
                               const WeightSet& weight_set,
                               const WeightSet* state_set)
    : code(program),
      weights(weight_set),
      state(state_set),
      torch_device(ToTorchDevice(weight_set.device().id())) {}

absl::Status InstanceModule::Bind() {
  const c10::InferenceMode inference;
  try {
    const c10::OptionalDeviceGuard guard(
        torch_device.is_cpu() ? std::nullopt
                              : std::optional<c10::Device>(torch_device));
    StorageMap storages(code.range, weights);
    BuildFrom(c10::IValue(code.module.object), *code.graph, storages);
    for (const c10::IValue& value : code.arguments.Defaults()) {
      defaults.push_back(BindValue(value, storages));
    }
  } catch (...) {
    const absl::Status status =
        CurrentExceptionStatus(absl::StatusCode::kInternal, FirstSentence);
    return absl::Status(
        status.code(),
        absl::StrCat("model file ", code.path, " on ", weights.device().name(),
                     ": ", std::string(status.message())));
  }
  return absl::OkStatus();
}

void InstanceModule::MakeState() {
  if (has_state) return;
  StorageMap storages(code.range, weights);
  if (state != nullptr) storages.CopyWritten(code.state_layout, *state);
  BuildFrom(c10::IValue(code.module.object), *code.graph, storages);
  has_state = true;
}

void InstanceModule::TakeStateOf(const InstanceModule& from) {
  const ImageRange lease =
      ImageRange::Over(from.weights.data(), from.weights.size_bytes());
  StorageMap storages(lease, weights);
  if (state != nullptr) storages.CopyState(*from.state, *state);
  BuildFrom(from.self, from.graph ? *from.graph : *code.graph, storages);
  has_state = true;
}

// One map for both: a constant may be a part of an object.
void InstanceModule::BuildFrom(const c10::IValue& objects,
                               torch::jit::Graph& constants,
                               StorageMap& storages) {
  self = CopyTree(objects, storages);
  if (code.plan) {
    plan = *code.plan;
    return;
  }
  graph = code.graph->copy();
  BindConstants(*graph, constants, storages);
  plan = torch::jit::Code(graph, "forward");
}

}  // namespace ferry
