#include "server/executors/open_program.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/executors/torchscript/torchscript_program.h"
#include "server/formats/torchscript/torchscript_archive.h"

namespace ferry {

absl::StatusOr<std::unique_ptr<Program>> OpenProgram(
    const WeightsSource& source, const WeightSet* host, std::stop_token stop,
    std::span<const std::string> host_inputs) {
  if (const auto* archive = dynamic_cast<const TorchScriptArchive*>(&source)) {
    return TorchScriptProgram::Load(*archive, host, std::move(stop),
                                    host_inputs);
  }
  INVARIANT(!source.files().empty());
  return absl::UnimplementedError(
      absl::StrCat(source.files().front().path,
                   ": it has weights and no program; save the model with "
                   "torch.jit.save"));
}

}  // namespace ferry
