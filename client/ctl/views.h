// What people see of models, devices and moves: tables and sentences.
//
// Threads:  any; pure functions.

#ifndef CLIENT_CTL_VIEWS_H_
#define CLIENT_CTL_VIEWS_H_

#include <string>
#include <vector>

#include "client/client.h"

namespace ferry::client {

std::string ModelsView(const std::vector<Model>& models);
std::string DevicesView(const std::vector<Device>& devices);
std::string MovesView(const std::vector<MoveReport>& moves);

// "wide serves on sim:0: 256.0 MiB in 0.071 s, 3.78 GB/s (95% of the link),
// verified".
std::string OutcomeView(const MoveOutcome& outcome);

// The answer's outputs, long tensors shortened.
std::string AnswerView(const InferAnswer& answer, absl::Duration elapsed);

}  // namespace ferry::client

#endif  // CLIENT_CTL_VIEWS_H_
