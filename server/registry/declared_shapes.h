// What a user declares of a model, in the JSON file beside it (its sidecar):
// read into the model's signature, and held against every request. What a model
// that declares nothing has run with is held against a request that failed.
//
// Threads:  any.
// Fails:    INVALID_ARGUMENT naming the file or the tensor, what was found and
//           what was expected.

#ifndef SERVER_REGISTRY_DECLARED_SHAPES_H_
#define SERVER_REGISTRY_DECLARED_SHAPES_H_

#include <span>
#include <string>

#include "absl/status/status.h"

#include "server/executors/signature.h"
#include "server/executors/value.h"

namespace ferry {

// `text` is the sidecar of the model at `path`. Its inputs must be arguments in
// `signature`, or elements of one.
absl::Status ReadDeclaredShapes(const std::string& text,
                                const std::string& path, Signature& signature);

// Tensors that are not declared, and declared ones that are not there, are the
// program's to judge: it knows what is optional.
absl::Status CheckShapes(std::span<const TensorShape> declared,
                         std::span<const NamedValue> inputs);

// What to answer when forward threw `thrown`. Inputs of another dtype or shape
// than what the model has run with are what made it throw, as far as anybody
// can tell.
absl::Status ExplainThrow(std::span<const TensorShape> learned,
                          std::span<const NamedValue> inputs,
                          const absl::Status& thrown);

}  // namespace ferry

#endif  // SERVER_REGISTRY_DECLARED_SHAPES_H_
