// LoadModule() builds a module's objects and code from a checked archive, over
// storages of our own.
//
// LibTorch's unpickler and compiler do the work, but only on bytes that the
// archive has checked: its zip reader is never used. No weight is touched,
// unless the file's own code (__setstate__) does.
//
// Owns:     nothing; the range outlives the module's last use of a weight.
// Threads:  any; each call blocks its thread and runs the file's own code
//           there.
// Fails:    INVALID_ARGUMENT when LibTorch does not understand the file or it
//           uses a forbidden operator; CANCELLED when `stop` ended the file's
//           own code; RESOURCE_EXHAUSTED without host memory.
//           All begin "model file PATH: ".

#ifndef SERVER_EXECUTORS_MODULE_LOADER_H_
#define SERVER_EXECUTORS_MODULE_LOADER_H_

#include <memory>
#include <stop_token>

#include <torch/csrc/jit/api/compilation_unit.h>

#include "absl/status/statusor.h"

#include "server/executors/image_range.h"
#include "server/formats/torchscript_archive.h"

namespace ferry {

struct LoadedModule {
  std::shared_ptr<torch::jit::CompilationUnit> unit;
  c10::intrusive_ptr<c10::ivalue::Object> object;  // In evaluation mode.
};

// `filled` says that the range holds the weights already.
absl::StatusOr<LoadedModule> LoadModule(const TorchScriptArchive& archive,
                                        const ImageRange& range, bool filled,
                                        std::stop_token stop);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_MODULE_LOADER_H_
