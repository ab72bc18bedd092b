// How KServe v2 describes a model: its metadata and its configuration.
//
// Both name the same tensors in the same order, because clients look one up in
// the other. An argument whose shape is not known stands for itself, with the
// datatype that its type or the program tells, if either does.
//
// Threads:  any; pure functions of a model that is loaded.

#ifndef SERVER_RPC_KSERVE_MODEL_H_
#define SERVER_RPC_KSERVE_MODEL_H_

#include "inference/grpc_service.pb.h"

#include "server/registry/model_state.h"

namespace ferry {

void EncodeKServeMetadata(const ModelSnapshot& model,
                          inference::ModelMetadataResponse& response);
void EncodeKServeConfig(const ModelSnapshot& model,
                        inference::ModelConfig& config);

}  // namespace ferry

#endif  // SERVER_RPC_KSERVE_MODEL_H_
