// RandomInputs() makes inputs that a model takes, for a first try.
//
// Each required tensor gets the shape that the signature knows, with 1 for
// every open size: floats from -1 to 1, integers and booleans 0 or 1 (which
// are row numbers in any embedding). The same seed gives the same inputs.
//
// Threads:  any; pure.
// Fails:    INVALID_ARGUMENT, naming the argument, when its shape or a value
//           for it is not known: it must be given.

#ifndef CLIENT_CTL_RANDOM_INPUTS_H_
#define CLIENT_CTL_RANDOM_INPUTS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

#include "client/model.h"
#include "client/value.h"

namespace ferry::client {

// Only for what is not in `given`; the answer starts with those.
absl::StatusOr<std::vector<NamedValue>> RandomInputs(
    const Signature& signature, uint64_t seed, std::vector<NamedValue> given);

}  // namespace ferry::client

#endif  // CLIENT_CTL_RANDOM_INPUTS_H_
