// NestInputs() makes lists and dicts of KServe's flat inputs: "boxes.0" and
// "boxes.1" become the list "boxes", "options.scale" becomes an entry of the
// dict "options".
//
// An argument's own name has no dot in it, so the first part is the argument.
// Where all parts at one level are numbers they are the indices of a list (a
// dict whose keys are all numbers therefore cannot be written this way; use
// ferry.v1), else they are the keys of a dict, in the order they came.
//
// Threads:  any; a pure function.
// Fails:    INVALID_ARGUMENT naming the input: a part is empty; an index is
//           missing or has leading zeros; a name is a value and has parts.
// Limits:   Value::kDepthMax levels.

#ifndef SERVER_RPC_NESTED_INPUTS_H_
#define SERVER_RPC_NESTED_INPUTS_H_

#include <vector>

#include "absl/status/status.h"

#include "server/values/value.h"

namespace ferry {

// In place; free when no name has a dot. The names are unique already.
absl::Status NestInputs(std::vector<NamedValue>& inputs);

}  // namespace ferry

#endif  // SERVER_RPC_NESTED_INPUTS_H_
