// CheckShapes() holds a request against what its model's sidecar declares.
//
// Threads:  any.
// Fails:    INVALID_ARGUMENT naming the tensor, what came and what is declared.

#ifndef SERVER_REGISTRY_SHAPE_CHECK_H_
#define SERVER_REGISTRY_SHAPE_CHECK_H_

#include <span>

#include "absl/status/status.h"

#include "server/executors/signature.h"
#include "server/executors/value.h"

namespace ferry {

// Tensors that are not declared, and declared ones that are not there, are the
// program's to judge: it knows what is optional.
absl::Status CheckShapes(std::span<const TensorShape> declared,
                         std::span<const NamedValue> inputs);

}  // namespace ferry

#endif  // SERVER_REGISTRY_SHAPE_CHECK_H_
