// A Program is a model's code without its weights.
//
// It usually exists before a byte of weights is read, so a file that cannot
// serve is refused while that is cheap. Bound to weights on a device it is an
// Instance; one Program serves all replicas. OpenProgram (open_program.h) makes
// one.
//
// Owns:     the code, and nothing of the source. Outlives its Instances.
// Threads:  immutable but for activation_peak_bytes; all are thread-safe.
// Units:    bytes.
// Fails:    FAILED_PRECONDITION from Bind when the program cannot live on that
//           kind of device (for example, packed quantised weights);
//           RESOURCE_EXHAUSTED or INTERNAL as the device says.

#ifndef SERVER_EXECUTORS_PROGRAM_H_
#define SERVER_EXECUTORS_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/status/statusor.h"

#include "server/executors/instance.h"
#include "server/values/signature.h"
#include "server/weights/weight_set.h"

namespace ferry {

class Program {
 public:
  Program() = default;
  virtual ~Program() = default;

  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // An Instance over `weights`, which hold the source's image (or will, before
  // the first Run). `state` is memory of state_bytes() on the same device, for
  // it alone; null when that is 0.
  virtual absl::StatusOr<std::unique_ptr<Instance>> Bind(
      const WeightSet& weights, const WeightSet* state) const = 0;

  // What KServe v2 and Triton call this kind of program.
  virtual std::string_view platform() const = 0;

  // What the program tells: no shapes.
  virtual const Signature& signature() const = 0;

  // A run writes the model's own attributes or buffers: one replica, and moves
  // carry the state.
  virtual bool stateful() const = 0;

  // What a run may write to of the weights, of which an Instance needs copies
  // of its own: all of them when it cannot be told which.
  virtual uint64_t state_bytes() const = 0;

  // Opening it ran code of the file's own, which may have written to the host
  // copy.
  virtual bool ran_code_at_load() const = 0;

  // The most host memory that the file's code has held at a time, since its
  // load began.
  virtual uint64_t activation_peak_bytes() const = 0;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_PROGRAM_H_
