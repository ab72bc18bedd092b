// LoadModule() builds a module's objects and code from a checked archive, over
// storages of our own.
//
// LibTorch's unpickler and compiler do the work, but only on bytes that the
// archive has checked: its zip reader is never used.
//
// LibTorch's compiler reads constants, to merge equal ones; their bytes are in
// the range already. Only the file's own code (__setstate__) reads weights.
//
// Owns:     nothing; the range outlives the module's last use of a weight.
// Threads:  any; each call blocks its thread and runs the file's own code
//           there.
// Fails:    INVALID_ARGUMENT when LibTorch does not understand the file or it
//           uses a forbidden operator; CANCELLED when `stop` ended the file's
//           own code; RESOURCE_EXHAUSTED without host memory.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_MODULE_LOADER_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_MODULE_LOADER_H_

#include <memory>
#include <optional>
#include <stop_token>

#include <torch/csrc/jit/api/compilation_unit.h>

#include "absl/status/statusor.h"

#include "server/executors/torchscript/image_range.h"
#include "server/formats/torchscript/torchscript_archive.h"

namespace ferry {

struct LoadedModule {
  std::shared_ptr<torch::jit::CompilationUnit> unit;
  c10::intrusive_ptr<c10::ivalue::Object> object;  // In evaluation mode.
  bool ran_code = false;  // Of the file's own: a __setstate__.
};

// `filled` says that the range holds the weights already; without them the
// answer is nothing when the file has code that may read them.
absl::StatusOr<std::optional<LoadedModule>> LoadModule(
    const TorchScriptArchive& archive, const ImageRange& range, bool filled,
    std::stop_token stop);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_MODULE_LOADER_H_
