// OpenTorchScript() opens an archive as a load does: by OpenSource.
//
// Threads:  any.

#ifndef TESTS_FORMATS_OPEN_ARCHIVE_H_
#define TESTS_FORMATS_OPEN_ARCHIVE_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

#include "server/base/invariant.h"
#include "server/formats/open_source.h"
#include "server/formats/torchscript/torchscript_archive.h"

namespace ferry {

inline absl::StatusOr<std::unique_ptr<TorchScriptArchive>> OpenTorchScript(
    UniqueFd fd, std::string path) {
  auto source = OpenSource(std::move(fd), std::move(path));
  if (!source.ok()) return source.status();
  auto* archive = dynamic_cast<TorchScriptArchive*>(source->release());
  INVARIANT(archive != nullptr);
  return std::unique_ptr<TorchScriptArchive>(archive);
}

}  // namespace ferry

#endif  // TESTS_FORMATS_OPEN_ARCHIVE_H_
