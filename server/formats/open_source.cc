#include "server/formats/open_source.h"

#include <utility>

#include "server/formats/torchscript_archive.h"

namespace ferry {

absl::StatusOr<std::unique_ptr<WeightsSource>> OpenSource(
    UniqueFd fd, std::string display_path) {
  return TorchScriptArchive::Open(std::move(fd), std::move(display_path));
}

}  // namespace ferry
