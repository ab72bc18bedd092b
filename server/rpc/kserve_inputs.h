// Inputs of a KServe v2 request as values, after all checks that need no model.
//
// Views point into the message wherever its bytes are the tensor's. Where they
// are not (8- and 16-bit integers, which typed contents carry as 32) the
// tensor is built in a KServeScratch. BYTES become strings: one for a scalar,
// else a list of them, nested as deep as the shape has dimensions.
//
// Owns:     nothing: what is decoded borrows from the message and the scratch.
// Threads:  any; a pure function.
// Units:    bytes, little-endian.
// Fails:    INVALID_ARGUMENT naming the input. A shared memory region is
//           refused without repeating its name, which may be a secret.
// Limits:   kRankMax dimensions; kValuesMax strings and lists of them, of all
//           inputs; two lists for each string, and kListsFree more.

#ifndef SERVER_RPC_KSERVE_INPUTS_H_
#define SERVER_RPC_KSERVE_INPUTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "inference/grpc_service.pb.h"

#include "server/values/value.h"

namespace ferry {

// Tensors that a request did not hold ready-made. Addresses stay.
using KServeScratch = std::deque<std::vector<std::byte>>;

inline constexpr uint64_t kListsFree = 64;

// The values that BYTES of these shapes become, inner lists included.
absl::StatusOr<uint64_t> CountKServeValues(
    const inference::ModelInferRequest& request);

// Appends to `inputs`, which hold nothing useful after an error.
absl::Status DecodeKServeInputs(const inference::ModelInferRequest& request,
                                KServeScratch& scratch,
                                std::vector<NamedValue>& inputs);

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_INPUTS_H_
