// Values as JSON, read as the model's signature says.
//
// [1, 2] is a tensor for an argument of type Tensor and a list for List[int];
// {"a": 1} is a dict. A tensor has the dtype that the signature knows, unless
// the numbers do not fit into it: the server judges then. Where the signature
// does not tell (Any, a class), numbers in arrays of one shape become a tensor
// and the rest what it looks like.
//
// Threads:  any; pure functions.
// Fails:    INVALID_ARGUMENT, naming the place ("boxes.0"): not of that type,
//           or deeper than Value::kDepthMax.

#ifndef CLIENT_CTL_JSON_VALUE_H_
#define CLIENT_CTL_JSON_VALUE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "client/ctl/json_tensor.h"
#include "client/model.h"
#include "client/value.h"

namespace ferry::client {

// {"inputs": {name: value, ...}}, or {name: value, ...} alone.
absl::StatusOr<std::vector<NamedValue>> InputsFromJson(
    const Json& json, const Signature& signature);

// Tensors in their object form; a tuple is an array, or an object when its
// fields have names; None is null.
Json ValueToJson(const Value& value);

}  // namespace ferry::client

#endif  // CLIENT_CTL_JSON_VALUE_H_
