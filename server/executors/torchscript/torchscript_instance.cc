#include "server/executors/torchscript/torchscript_instance.h"

#include <optional>
#include <utility>

#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/base/status_macros.h"
#include "server/executors/torch/from_ivalue.h"
#include "server/executors/torch/ivalue_walk.h"
#include "server/executors/torch/stop_scope.h"
#include "server/executors/torch/torch_error.h"
#include "server/executors/torchscript/instance_module.h"
#include "server/executors/torchscript/tree_copy.h"

namespace ferry {

namespace {

// What an answer's tensors are in.
struct AnswerMemory final : RunResult::Memory {
  AnswerTensors tensors;
};

std::optional<c10::Device> Accelerator(c10::Device device) {
  if (device.is_cpu()) return std::nullopt;
  return device;
}

// Waits at its end for everything that was started on the device, however its
// scope is left: what still ran would read a lease that a move gives away, and
// its error would be another model's. Errors are Health()'s to tell.
class [[nodiscard]] WaitForDevice {
 public:
  explicit WaitForDevice(c10::Device device) : device_(device) {}
  ~WaitForDevice() {
    if (device_.is_cpu()) return;
    try {
      const c10::impl::VirtualGuardImpl impl(device_.type());
      impl.synchronizeStream(impl.getStream(device_));
    } catch (...) {  // It ended the device.
    }
  }

  WaitForDevice(const WaitForDevice&) = delete;
  WaitForDevice& operator=(const WaitForDevice&) = delete;

 private:
  const c10::Device device_;
};

absl::Status ForwardThrew() {
  const absl::Status status =
      CurrentExceptionStatus(absl::StatusCode::kInternal, LastSentence);
  if (status.code() != absl::StatusCode::kInternal) return status;
  return absl::InternalError(
      absl::StrCat("forward threw: ", std::string(status.message())));
}

}  // namespace

absl::StatusOr<RunResult> TorchScriptInstance::Run(
    std::span<const NamedValue> inputs) {
  InstanceModule& module = module_;
  const ProgramCode& code = module.code;
  const c10::InferenceMode inference;
  const ActivationScope scope(code.account);
  auto memory = std::make_unique<AnswerMemory>();
  std::vector<NamedValue> outputs;
  try {
    std::optional<MutexLock> turn;
    const c10::OptionalDeviceGuard guard(Accelerator(module.torch_device));
    const WaitForDevice wait(module.torch_device);
    torch::jit::Stack stack;
    stack.reserve(code.arguments.count() + 1);
    stack.emplace_back();  // self.
    RETURN_IF_ERROR(code.arguments.Push(
        inputs, module.defaults,
        {.device = module.torch_device,
         // What a model keeps outlives its request.
         .copy_tensors = code.state.writes_inputs || code.state.stateful,
         .host_inputs = code.signature.host_inputs},
        stack));
    AnswerTensors& tensors = memory->tensors;
    tensors.copy_all = code.state.stateful;
    if (code.state.stateful) {
      turn.emplace(module.turn);
      module.MakeState();
    }
    stack[0] = module.self;
    torch::jit::InterpreterState(module.plan).run(stack);
    INVARIANT(stack.size() == 1);
    ASSIGN_OR_RETURN(outputs, AnswerValues(stack[0], tensors));
  } catch (...) {
    const absl::Status status = ForwardThrew();
    RETURN_IF_ERROR(device().Health());
    return status;
  }
  RETURN_IF_ERROR(device().Health());
  return RunResult(std::move(outputs), std::move(memory));
}

absl::Status TorchScriptInstance::WarmUp(std::span<const NamedValue> inputs,
                                         std::stop_token stop,
                                         absl::Duration limit) {
  const StopScope scope(std::move(stop), limit);
  const OperatorStops stops;
  Run(inputs).IgnoreError();
  return device().Health();
}

absl::Status TorchScriptInstance::CarryStateFrom(Instance& other) {
  InstanceModule& to = module_;
  InstanceModule& from = dynamic_cast<TorchScriptInstance&>(other).module_;
  INVARIANT(&to.code == &from.code);
  if (!to.code.state.stateful || &to == &from) return absl::OkStatus();
  const c10::InferenceMode inference;
  const ActivationScope scope(to.code.account);
  try {
    {
      const c10::OptionalDeviceGuard guard(Accelerator(from.torch_device));
      const WaitForDevice wait(from.torch_device);
      from.MakeState();
    }
    const c10::OptionalDeviceGuard guard(Accelerator(to.torch_device));
    const WaitForDevice wait(to.torch_device);
    to.TakeStateOf(from);
  } catch (...) {
    const absl::Status status =
        CurrentExceptionStatus(absl::StatusCode::kInternal, FirstSentence);
    return absl::Status(
        status.code(),
        absl::StrCat("state from ", other.device().name(), " to ",
                     device().name(), ": ", std::string(status.message())));
  }
  return device().Health();
}

}  // namespace ferry
