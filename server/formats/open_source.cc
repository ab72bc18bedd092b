#include "server/formats/open_source.h"

#include <unistd.h>
#include <utility>

#include <sys/stat.h>

#include "server/base/status_macros.h"
#include "server/formats/file_kind.h"
#include "server/formats/refusal.h"
#include "server/formats/torchscript/torchscript_archive.h"
#include "server/formats/zip/zip_archive.h"

namespace ferry {
namespace {

// What the first bytes say; a file that cannot be read is for ZipArchive to
// complain about.
absl::Status CheckHead(int fd) {
  struct stat facts;
  char head[kFileHeadSize];
  const ssize_t size = ::pread(fd, head, sizeof(head), 0);
  if (size <= 0 || ::fstat(fd, &facts) != 0) return absl::OkStatus();
  return CheckFileHead(std::string_view(head, static_cast<size_t>(size)),
                       static_cast<uint64_t>(facts.st_size));
}

}  // namespace

absl::StatusOr<std::unique_ptr<WeightsSource>> OpenSource(
    UniqueFd fd, std::string display_path) {
  if (const absl::Status head = CheckHead(fd.get()); !head.ok()) {
    return InFile(display_path, head);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<ZipArchive> zip,
                   ZipArchive::Open(std::move(fd), std::move(display_path)));
  if (const absl::Status kind = CheckIsTorchScript(*zip); !kind.ok()) {
    return InFile(zip->path(), kind);
  }
  return TorchScriptArchive::Open(std::move(zip));
}

}  // namespace ferry
