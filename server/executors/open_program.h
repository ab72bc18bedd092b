// OpenProgram() makes a Program of the code that is in a source of weights.
//
// Owns:     nothing. `source` may go when the Program is there; a host copy
//           that it was built over may not.
// Threads:  any; blocks its thread, and runs the file's own code there.
// Fails:    as the kind of program says (torchscript_program.h);
//           UNIMPLEMENTED when the source has weights and no code.

#ifndef SERVER_EXECUTORS_OPEN_PROGRAM_H_
#define SERVER_EXECUTORS_OPEN_PROGRAM_H_

#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

#include "server/executors/program.h"
#include "server/formats/weights_source.h"
#include "server/weights/weight_set.h"

namespace ferry {

// `host` is the filled host copy, or null before there is one. Then the answer
// is null too when the program can only be built over the weights.
// `host_inputs` are kept in host memory beside those that the program itself
// wants there.
absl::StatusOr<std::unique_ptr<Program>> OpenProgram(
    const WeightsSource& source, const WeightSet* host, std::stop_token stop,
    std::span<const std::string> host_inputs);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_OPEN_PROGRAM_H_
