// Models and their moves as ferry.v1 messages.
//
// Threads:  any; pure functions.

#ifndef SERVER_RPC_MODEL_CODEC_H_
#define SERVER_RPC_MODEL_CODEC_H_

#include "ferry/v1/model.pb.h"

#include "server/registry/model_state.h"

namespace ferry {

void EncodeModel(const ModelSnapshot& model, v1::Model& message);
void EncodeReport(const MoveReport& report, v1::MoveReport& message);

}  // namespace ferry

#endif  // SERVER_RPC_MODEL_CODEC_H_
