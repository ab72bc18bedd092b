// An Instance is a Program bound to one WeightSet on one device: it can run.
//
// Its parameters are views of the weight set's memory; they cannot be resized
// and belong to this Instance alone. A model that moves gets another Instance;
// a live one is never edited.
//
// Owns:     its module. Program and WeightSets outlive it. A RunResult must die
//           before the Instance and before the inputs of its run: an output may
//           be a view of a weight or of an input.
// Threads:  Run is thread-safe; for a stateful program calls take turns.
//           CarryStateFrom needs both instances to be idle.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT naming the argument that does not fit;
//           INTERNAL when the program threw, with its message;
//           RESOURCE_EXHAUSTED when the device ran out of memory in forward, or
//           the host's budget for activations did.

#ifndef SERVER_EXECUTORS_INSTANCE_H_
#define SERVER_EXECUTORS_INSTANCE_H_

#include <memory>
#include <span>
#include <stop_token>
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
  RunResult();
  RunResult(RunResult&&) noexcept;
  RunResult& operator=(RunResult&&) noexcept;
  ~RunResult();

  const std::vector<NamedValue>& outputs() const { return outputs_; }

 private:
  friend class Instance;
  struct Holder;  // Keeps the tensors that outputs_ points into.
  std::unique_ptr<Holder> holder_;
  std::vector<NamedValue> outputs_;
};

class Instance {
 public:
  ~Instance();

  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  // Runs forward once. Inputs are matched to arguments by name; an argument
  // with a default may be left out. Blocks the calling thread.
  absl::StatusOr<RunResult> Run(std::span<const NamedValue> inputs);

  // Runs forward for what the first run costs, such as LibTorch's choice of
  // kernels: whatever it answers, and between two operators no longer than
  // until `stop`, or than `limit`. Not OK when the device has failed.
  absl::Status WarmUp(std::span<const NamedValue> inputs, std::stop_token stop,
                      absl::Duration limit);

  // Continues from where `other`, an Instance of the same Program, stands: its
  // mutable attributes and buffers are copied here. A no-op when the program
  // has none.
  absl::Status CarryStateFrom(const Instance& other);

  Device& device() const;

 private:
  friend class Program;
  struct Module;
  explicit Instance(std::unique_ptr<Module> module);

  std::unique_ptr<Module> module_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_INSTANCE_H_
