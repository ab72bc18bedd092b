// An Instance is a Program bound to weights on one device: it can run.
//
// It reads the weight set's memory and never writes to it. A model that moves
// gets another Instance; a live one is never edited.
//
// Owns:     what it runs with. Program and WeightSets outlive it. A RunResult
//           must die before the Instance, and must not be read once the inputs
//           of its run are gone: an output may be a view of either's memory.
// Threads:  Run is thread-safe; for a stateful program calls take turns.
//           CarryStateFrom needs both instances to be idle.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT naming the argument that does not fit;
//           INTERNAL when the program threw, with its message;
//           RESOURCE_EXHAUSTED when the device ran out of memory in a run, or
//           the host's budget for activations did.

#ifndef SERVER_EXECUTORS_INSTANCE_H_
#define SERVER_EXECUTORS_INSTANCE_H_

#include <memory>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "server/devices/device.h"
#include "server/values/value.h"

namespace ferry {

// What a run gave. Tensor bytes are in host memory, dense.
class [[nodiscard]] RunResult {
 public:
  // What the outputs' bytes are in.
  struct Memory {
    virtual ~Memory() = default;
  };

  RunResult(std::vector<NamedValue> outputs, std::unique_ptr<Memory> memory)
      : memory_(std::move(memory)), outputs_(std::move(outputs)) {}

  const std::vector<NamedValue>& outputs() const { return outputs_; }

 private:
  std::unique_ptr<Memory> memory_;
  std::vector<NamedValue> outputs_;
};

class Instance {
 public:
  Instance() = default;
  virtual ~Instance() = default;

  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Runs the program once. Inputs are matched to arguments by name; an argument
  // with a default may be left out. Blocks the calling thread. Tensors have
  // been checked (values/tensor_check.h).
  virtual absl::StatusOr<RunResult> Run(std::span<const NamedValue> inputs) = 0;

  // Runs it for what the first run costs, such as LibTorch's choice of kernels:
  // whatever it answers, and no longer than until `stop`, or than `limit`, but
  // for what cannot be interrupted. Not OK when the device has failed.
  virtual absl::Status WarmUp(std::span<const NamedValue> inputs,
                              std::stop_token stop, absl::Duration limit) = 0;

  // Continues from where `other`, an Instance of the same Program, stands: its
  // mutable attributes and buffers are copied here. A no-op when the program
  // has none.
  virtual absl::Status CarryStateFrom(Instance& other) = 0;

  virtual Device& device() const = 0;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_INSTANCE_H_
