// A TorchScriptProgram is the code of a TorchScript file.
//
// It is built from a checked archive over our own storages: the module's
// tensors point into an address range that mirrors the weight image, so the
// code exists before a byte of weights is read, and every Instance is the same
// module with that range replaced by a lease.
//
// LibTorch reads constants while it compiles, so they are there by then. When
// anything reads a weight all the same, the kernel tells, and the program is
// built again once the weights are there.
//
// Before any of the file's code runs, its graphs are searched for operators
// that reach outside the process (files, sockets); such a file is refused.
//
// Owns:     the module's types and graphs. Outlives its Instances.
// Threads:  as program.h says; Load may be called by any number of threads.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT when the file is not a program that LibTorch
//           understands, or when it uses a forbidden operator (named);
//           RESOURCE_EXHAUSTED when its code asks for too much host memory;
//           CANCELLED when `stop` asked while the file's own code
//           (__setstate__) was running; DATA_LOSS when a constant fails its
//           checksum.
// Limits:   kConstantsReadMaxBytes, for each load under way.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_TORCHSCRIPT_PROGRAM_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_TORCHSCRIPT_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"

#include "server/executors/program.h"
#include "server/executors/torchscript/program_code.h"
#include "server/formats/torchscript/torchscript_archive.h"
#include "server/weights/weight_set.h"

namespace ferry {

class TorchScriptProgram final : public Program {
 public:
  // Constants that are read before the weights are.
  static constexpr uint64_t kConstantsReadMaxBytes = uint64_t{16} << 20;

  // `host` is the filled host copy, or null before there is one. Then the
  // answer is null too when the program can only be built over the weights: its
  // own code reads them, or its constants are more than is read early.
  // `host_inputs` are kept in host memory beside those that the program itself
  // wants there.
  static absl::StatusOr<std::unique_ptr<TorchScriptProgram>> Load(
      const TorchScriptArchive& archive, const WeightSet* host,
      std::stop_token stop, std::span<const std::string> host_inputs = {});

  absl::StatusOr<std::unique_ptr<Instance>> Bind(
      const WeightSet& weights, const WeightSet* state) const override;
  std::string_view platform() const override { return "pytorch_torchscript"; }
  const Signature& signature() const override { return code_.signature; }
  bool stateful() const override { return code_.state.stateful; }
  uint64_t state_bytes() const override {
    return code_.state_layout.size_bytes;
  }
  bool ran_code_at_load() const override { return code_.module.ran_code; }
  // See activation_account.h.
  uint64_t activation_peak_bytes() const override {
    return code_.account->peak_bytes();
  }

 private:
  explicit TorchScriptProgram(ProgramCode code) : code_(std::move(code)) {}

  const ProgramCode code_;
};

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_TORCHSCRIPT_PROGRAM_H_
