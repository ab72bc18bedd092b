// A TorchScriptInstance runs a TorchScript program's forward on one device.
//
// Its parameters are views of the weight set's memory; they cannot be resized
// and belong to this Instance alone.
//
// Owns:     its module; see instance.h.
// Threads:  as instance.h says.
// Units:    bytes.
// Fails:    as instance.h says.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_TORCHSCRIPT_INSTANCE_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_TORCHSCRIPT_INSTANCE_H_

#include <span>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/executors/instance.h"
#include "server/executors/torchscript/instance_module.h"

namespace ferry {

class TorchScriptInstance final : public Instance {
 public:
  TorchScriptInstance(const ProgramCode& code, const WeightSet& weights,
                      const WeightSet* state)
      : module_(code, weights, state) {}

  // Before anything else.
  absl::Status Bind() { return module_.Bind(); }

  absl::StatusOr<RunResult> Run(std::span<const NamedValue> inputs) override;
  // Stops between two operators.
  absl::Status WarmUp(std::span<const NamedValue> inputs, std::stop_token stop,
                      absl::Duration limit) override;
  absl::Status CarryStateFrom(Instance& other) override;
  Device& device() const override { return module_.weights.device(); }

 private:
  InstanceModule module_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_TORCHSCRIPT_INSTANCE_H_
