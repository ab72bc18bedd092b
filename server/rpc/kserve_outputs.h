// Outputs of a model as KServe v2 carries them: a flat list of named tensors.
//
// A tensor in a list, tuple or dict is named by its path: "boxes.0",
// "output.scale". Numbers and strings are tensors of shape [1]. None is left
// out. The bytes always go to raw_output_contents, which is what clients read.
//
// A request may name the outputs it wants, by their own names or by what stands
// before a dot: "boxes" is every "boxes.N".
//
// Threads:  any; a pure function.
// Units:    bytes, little-endian.
// Fails:    INVALID_ARGUMENT for a requested output that the model did not give
//           or that is named twice; UNIMPLEMENTED for a dtype that KServe v2
//           does not know; RESOURCE_EXHAUSTED when the answer is larger than a
//           message may be.

#ifndef SERVER_RPC_KSERVE_OUTPUTS_H_
#define SERVER_RPC_KSERVE_OUTPUTS_H_

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "inference/grpc_service.pb.h"

#include "server/values/value.h"

namespace ferry {

absl::Status EncodeKServeOutputs(std::span<const NamedValue> outputs,
                                 const inference::ModelInferRequest& request,
                                 uint64_t size_max_bytes,
                                 inference::ModelInferResponse& response);

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_OUTPUTS_H_
