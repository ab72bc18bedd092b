// CopyTree() makes a module's objects anew over other storages.
//
// Types and code are shared with the original; objects, lists, dicts, tuples
// and tensors are new, with the same sharing among them: what was tied stays
// tied.
//
// Threads:  any; nobody changes the original meanwhile. Call under
//           InferenceMode.
// Fails:    throws a StatusError with FAILED_PRECONDITION for a tensor or C++
//           object that cannot live on the map's device, and what LibTorch
//           throws.

#ifndef SERVER_EXECUTORS_TORCHSCRIPT_TREE_COPY_H_
#define SERVER_EXECUTORS_TORCHSCRIPT_TREE_COPY_H_

#include <ATen/core/ivalue.h>

#include "server/executors/torchscript/storage_map.h"

namespace ferry {

c10::IValue CopyTree(const c10::IValue& value, StorageMap& storages);

// The same for one tensor.
at::Tensor CopyTensor(const at::Tensor& tensor, StorageMap& storages);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCHSCRIPT_TREE_COPY_H_
