#include "server/formats/open_model.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <memory>
#include <unistd.h>
#include <utility>
#include <vector>

#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "absl/strings/escaping.h"

#include "server/base/absl_view.h"
#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/read_exactly.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

// A rename while the kernel walks makes it start over, a few times.
constexpr int kWalksMax = 16;

std::string Display(std::string_view path) {
  return absl::Utf8SafeCHexEscape(AbslView(path));
}

absl::Status WalkError(const std::string& path, int error) {
  const auto message = [&](std::string_view what) {
    return absl::StrCat(Display(path), ": ", AbslView(what));
  };
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return absl::NotFoundError(
          message("no such file in the model directories"));
    case EXDEV:
      return absl::InvalidArgumentError(
          message("outside the model directories"));
    case ELOOP:
      return absl::InvalidArgumentError(
          message("too many symbolic links, or one that the kernel makes up"));
    case ENAMETOOLONG:
      return absl::InvalidArgumentError(message("the path is too long"));
    case ENXIO:
    case ENODEV:
      return absl::InvalidArgumentError(
          message("it is a socket or a device, not a regular file"));
    case EACCES:
      return absl::PermissionDeniedError(
          message("the daemon's user may not read it"));
    case EMFILE:
    case ENFILE:
      return absl::ResourceExhaustedError(
          message("no file descriptors are left"));
    case EAGAIN:
      return absl::UnavailableError(
          message("the directory changes while it is being read"));
    case ENOSYS:
    case EPERM:
      return absl::FailedPreconditionError(message(
          "openat2 is not there; it takes Linux 5.6, and a sandbox that "
          "permits it"));
    default:
      return absl::InternalError(message(std::strerror(error)));
  }
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd) return fd;
  const int error = errno;
  const std::string message = absl::StrCat(
      "model directory ", Display(directory), ": ", std::strerror(error));
  return error == EACCES ? absl::PermissionDeniedError(message)
                         : absl::NotFoundError(message);
}

// `path` below `root`, whatever it is.
absl::StatusOr<UniqueFd> Walk(const UniqueFd& root, const std::string& path,
                              uint64_t flags) {
  if (path.find('\0') != path.npos) {
    return Refusal("path ", Shown(path), " holds a NUL byte");
  }
  struct open_how how = {};
  how.flags = flags | O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int error = EAGAIN;
  for (int i = 0; i < kWalksMax && (error == EAGAIN || error == EINTR); ++i) {
    const long fd =
        ::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof(how));
    if (fd >= 0) return UniqueFd(static_cast<int>(fd));
    error = errno;
  }
  return WalkError(path, error);
}

std::string_view KindOf(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

absl::StatusOr<UniqueFd> OpenRegular(const UniqueFd& root,
                                     const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, Walk(root, path, 0));
  struct stat facts;
  if (::fstat(fd.get(), &facts) != 0) return WalkError(path, errno);
  if (S_ISREG(facts.st_mode)) return fd;
  return Refusal(Display(path), ": it is ", KindOf(facts.st_mode),
                 ", not a regular file");
}

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// The names in `folder` that are versions, the highest first; none when there
// is no such folder.
absl::StatusOr<std::vector<int64_t>> Versions(const UniqueFd& root,
                                              const std::string& folder) {
  absl::StatusOr<UniqueFd> fd = Walk(root, folder, O_DIRECTORY);
  if (absl::IsNotFound(fd.status())) return std::vector<int64_t>();
  RETURN_IF_ERROR(fd.status());
  const std::unique_ptr<DIR, CloseDirectory> entries(::fdopendir(fd->get()));
  if (entries == nullptr) return WalkError(folder, errno);
  // closedir() closes it.
  [[maybe_unused]] const int taken = fd->Release();
  std::vector<int64_t> versions;
  size_t count = 0;
  errno = 0;
  while (const dirent* entry = ::readdir(entries.get())) {
    if (++count > kVersionsMax) {
      return Refusal(Display(folder), ": it has more than ", kVersionsMax,
                     " entries");
    }
    const absl::StatusOr<int64_t> version = ParseVersion(entry->d_name);
    if (version.ok()) versions.push_back(*version);
  }
  if (errno != 0) return WalkError(folder, errno);
  std::ranges::sort(versions, std::greater<>());
  return versions;
}

// model.pt: model.json. What has no extension gets one.
std::string SidecarPath(const std::string& path) {
  const size_t name_at = path.rfind('/') + 1;  // 0 when there is none.
  const size_t dot = path.rfind('.');
  const bool extended = dot != path.npos && dot > name_at;
  return path.substr(0, extended ? dot : path.size()) + ".json";
}

absl::StatusOr<std::optional<std::string>> ReadSidecar(
    const UniqueFd& root, const std::string& model_path) {
  const std::string path = SidecarPath(model_path);
  if (path == model_path) return std::nullopt;
  const absl::StatusOr<UniqueFd> fd = OpenRegular(root, path);
  if (absl::IsNotFound(fd.status())) return std::nullopt;
  RETURN_IF_ERROR(fd.status());
  struct stat facts;
  if (::fstat(fd->get(), &facts) != 0) return WalkError(path, errno);
  const uint64_t size = static_cast<uint64_t>(facts.st_size);
  if (size > kSidecarSizeMax) {
    return Refusal(Display(path), ": it has ", size, " bytes; at most ",
                   kSidecarSizeMax, " are allowed");
  }
  absl::StatusOr<std::string> text = ReadExactly(fd->get(), 0, size);
  if (!text.ok()) return InFile(path, text.status());
  return *std::move(text);
}

absl::StatusOr<ModelFile> OpenWithSidecar(const UniqueFd& root,
                                          std::string path, int64_t version) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenRegular(root, path));
  ASSIGN_OR_RETURN(std::optional<std::string> sidecar, ReadSidecar(root, path));
  return ModelFile{.fd = std::move(fd),
                   .path = std::move(path),
                   .version = version,
                   .sidecar = std::move(sidecar)};
}

// <name>/<version>/model.pt, or else <name>.pt, in one directory. A version
// without its file is still being written, or was: the next lower one serves.
absl::StatusOr<ModelFile> FindByName(const UniqueFd& root,
                                     const ModelQuery& query) {
  std::vector<int64_t> versions{query.version};
  if (query.version == 0) {
    ASSIGN_OR_RETURN(versions, Versions(root, query.name));
  }
  for (const int64_t version : versions) {
    absl::StatusOr<ModelFile> file = OpenWithSidecar(
        root, absl::StrCat(query.name, "/", version, "/model.pt"), version);
    if (!absl::IsNotFound(file.status())) return file;
  }
  if (query.version > 1) {
    return absl::NotFoundError("no such version");
  }
  return OpenWithSidecar(root, query.name + ".pt", 1);
}

absl::Status CheckQuery(const ModelQuery& query) {
  if (query.version < 0) {
    return Refusal("version ", query.version, " is not a positive integer");
  }
  // The kernel would say so; messages, and what keeps them, show the path.
  if (query.source.size() >= PATH_MAX) {
    return Refusal(Shown(query.source), ": a path of ", query.source.size(),
                   " bytes; at most ", PATH_MAX - 1, " are allowed");
  }
  // A source may go with any name: the name is then the registry's matter.
  return query.source.empty() ? CheckModelName(query.name) : absl::OkStatus();
}

absl::Status NotFound(const ModelQuery& query) {
  if (!query.source.empty()) return WalkError(query.source, ENOENT);
  const std::string folder =
      query.version > 0 ? absl::StrCat(query.version) : "<version>";
  return absl::NotFoundError(absl::StrCat(
      "model ", Shown(query.name), ": the model directories have neither ",
      query.name, "/", folder, "/model.pt nor ", query.name, ".pt"));
}

}  // namespace

absl::StatusOr<UniqueFd> OpenBeneath(const std::string& directory,
                                     const std::string& relative_path) {
  ASSIGN_OR_RETURN(const UniqueFd root, OpenDirectory(directory));
  return OpenRegular(root, relative_path);
}

absl::StatusOr<ModelFile> FindModelFile(
    const std::vector<std::string>& directories, const ModelQuery& query) {
  RETURN_IF_ERROR(CheckQuery(query));
  for (const std::string& directory : directories) {
    ASSIGN_OR_RETURN(const UniqueFd root, OpenDirectory(directory));
    absl::StatusOr<ModelFile> file =
        query.source.empty()
            ? FindByName(root, query)
            : OpenWithSidecar(root, query.source,
                              std::max<int64_t>(query.version, 1));
    if (!absl::IsNotFound(file.status())) return file;
  }
  return NotFound(query);
}

}  // namespace ferry
