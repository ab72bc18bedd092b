// A Program is a TorchScript model's code without its weights.
//
// It is built from a checked archive over our own storages: the module's
// tensors point into an address range that mirrors the weight image, so the
// code exists before a byte of weights is read, and every Instance is the same
// module with that range replaced by a lease. One Program serves all replicas.
//
// LibTorch reads constants while it compiles, so they are there by then. When
// anything reads a weight all the same, the kernel tells, and the program is
// built again once the weights are there.
//
// Before any of the file's code runs, its graphs are searched for operators
// that reach outside the process (files, sockets); such a file is refused.
//
// Owns:     the module's types and graphs. Outlives its Instances.
// Threads:  immutable after Load; Bind is thread-safe.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT when the file is not a program that LibTorch
//           understands, or when it uses a forbidden operator (named);
//           RESOURCE_EXHAUSTED when its code asks for too much host memory;
//           FAILED_PRECONDITION from Bind when the program cannot live on that
//           kind of device (for example, packed quantised weights);
//           CANCELLED when `stop` asked while the file's own code
//           (__setstate__) was running; DATA_LOSS when a constant fails its
//           checksum.
// Limits:   kConstantsReadMaxBytes, for each load under way.

#ifndef SERVER_EXECUTORS_PROGRAM_H_
#define SERVER_EXECUTORS_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

#include "server/executors/instance.h"
#include "server/formats/torchscript_archive.h"
#include "server/values/signature.h"
#include "server/weights/weight_set.h"

namespace ferry {

class ImageRange;  // image_range.h

class Program {
 public:
  // Constants that are read before the weights are.
  static constexpr uint64_t kConstantsReadMaxBytes = uint64_t{16} << 20;

  // `host` is the filled host copy, or null before there is one. Then the
  // answer is null too when the program can only be built over the weights: its
  // own code reads them, or its constants are more than is read early.
  // `host_inputs` are kept in host memory beside those that the program itself
  // wants there.
  static absl::StatusOr<std::unique_ptr<Program>> Load(
      const TorchScriptArchive& archive, const WeightSet* host,
      std::stop_token stop, std::span<const std::string> host_inputs = {});
  ~Program();

  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // An Instance over `weights`, which hold the archive's image (or will, before
  // the first Run). `state` is memory of state_bytes() on the same device, for
  // it alone; null when that is 0.
  absl::StatusOr<std::unique_ptr<Instance>> Bind(
      const WeightSet& weights, const WeightSet* state = nullptr) const;

  // What the program tells: no shapes.
  const Signature& signature() const;

  // forward writes the module's own attributes or buffers: one replica, and
  // moves carry the state.
  bool stateful() const;

  // What forward may write to of the weights, of which an Instance needs copies
  // of its own: all of them when it cannot be told which.
  uint64_t state_bytes() const;

  // Load ran code of the file's own (__setstate__), which may have written to
  // the host copy.
  bool ran_code_at_load() const;

  // The most host memory that the file's code has held at a time, since its
  // load began: see activation_account.h.
  uint64_t activation_peak_bytes() const;

 private:
  struct Code;
  static absl::StatusOr<std::unique_ptr<Code>> Compile(
      const TorchScriptArchive& archive, ImageRange& range, bool filled,
      std::stop_token stop, std::span<const std::string> host_inputs);
  explicit Program(std::unique_ptr<Code> code);

  std::unique_ptr<Code> code_;
};

// LibTorch's process-wide settings and its one-time costs: call once, before
// the first Program, from the thread that starts the daemon, and after the
// devices are open: LibTorch decides at its first convolution, for the life of
// the process, whether there is CUDA. `intra_op_threads` is the number of
// threads one operator may use.
void StartLibTorch(int intra_op_threads);

// Runs one small operator there, after StartLibTorch (and SimBackend): what
// LibTorch sets up at its first use of a GPU is not the first request's to pay,
// and a GPU that it has no kernels for is FAILED_PRECONDITION.
absl::Status TryLibTorchOn(const Device& device);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_PROGRAM_H_
