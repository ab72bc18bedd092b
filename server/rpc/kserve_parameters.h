// What the parameters of a KServe v2 request ask for.
//
// Threads:  any; a pure function.
// Units:    absl::Duration.
// Fails:    INVALID_ARGUMENT for shared memory (a region's name is never
//           repeated), for a timeout that is not a whole number of
//           microseconds, for an output that is named twice; UNIMPLEMENTED
//           for sequences and classification.

#ifndef SERVER_RPC_KSERVE_PARAMETERS_H_
#define SERVER_RPC_KSERVE_PARAMETERS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "inference/grpc_service.pb.h"

namespace ferry {

struct KServeParameters {
  absl::Duration timeout = absl::InfiniteDuration();
};

// Of the request, of its inputs and of its requested outputs. Parameters that
// Ferry does not know are ignored, as the protocol has it.
absl::StatusOr<KServeParameters> ReadKServeParameters(
    const inference::ModelInferRequest& request);

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_PARAMETERS_H_
