#include "server/formats/open_model.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <functional>
#include <iterator>
#include <memory>
#include <unistd.h>
#include <utility>
#include <vector>

#include <sys/stat.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/read_exactly.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

constexpr int kLinksMax = 40;  // Followed in one walk, as the kernel does.

absl::Status WalkError(std::string_view path, int error) {
  const auto is = [&](absl::StatusCode code, const char* what) {
    return InFile(path, absl::Status(code, what));
  };
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return is(absl::StatusCode::kNotFound,
                "no such file in the model directories");
    case EXDEV:
      return is(absl::StatusCode::kInvalidArgument,
                "outside the model directories");
    case ELOOP:
      return is(absl::StatusCode::kInvalidArgument, "too many symbolic links");
    case ENAMETOOLONG:
      return is(absl::StatusCode::kInvalidArgument, "the path is too long");
    case ENXIO:
    case ENODEV:
      return is(absl::StatusCode::kInvalidArgument,
                "it is a socket or a device, not a regular file");
    case EACCES:
    case EPERM:
      return is(absl::StatusCode::kPermissionDenied,
                "the daemon's user may not read it");
    case EMFILE:
    case ENFILE:
      return is(absl::StatusCode::kResourceExhausted,
                "no file descriptors are left");
    default:
      return is(absl::StatusCode::kInternal, std::strerror(error));
  }
}

absl::StatusOr<UniqueFd> OpenDirectory(const std::string& directory) {
  UniqueFd fd(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (fd) return fd;
  const int error = errno;
  return InFile(
      "model directory " + directory,
      absl::Status(error == EACCES ? absl::StatusCode::kPermissionDenied
                                   : absl::StatusCode::kNotFound,
                   std::strerror(error)));
}

// Puts the steps of `path` on those that are still to be taken, last first.
void AddSteps(const std::string& path, std::vector<std::string>& steps) {
  std::vector<std::string> added = absl::StrSplit(path, '/');
  steps.insert(steps.end(), std::move_iterator(added.rbegin()),
               std::move_iterator(added.rend()));
}

// Where the symbolic link `name` in `folder` leads; nothing when it is none.
std::optional<std::string> LinkTarget(int folder, const std::string& name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t size =
      ::readlinkat(folder, name.c_str(), target.data(), target.size());
  if (size < 0) return std::nullopt;
  target.resize(static_cast<size_t>(size));
  return target;
}

// `path` below `root`, whatever it is. The kernel takes one name at a time and
// follows no link; a link's text is walked like the path, and ".." leads to the
// folder that was entered before, so whatever changes meanwhile, every folder
// on the way was reached from `root`.
absl::StatusOr<UniqueFd> Walk(const UniqueFd& root, const std::string& path,
                              int flags) {
  if (path.find('\0') != path.npos) {
    return Refusal("path ", Shown(path), " holds a NUL byte");
  }
  if (path.empty()) return WalkError(path, ENOENT);
  if (path.starts_with('/')) return WalkError(path, EXDEV);
  constexpr int kAlways = O_NOFOLLOW | O_CLOEXEC;
  flags |= kAlways | O_RDONLY | O_NONBLOCK | O_NOCTTY;
  std::vector<UniqueFd> folders;  // Entered, below `root`.
  std::vector<std::string> steps;
  AddSteps(path, steps);
  for (int links = 0; !steps.empty();) {
    const std::string step = std::move(steps.back());
    steps.pop_back();
    if (step.empty() || step == ".") continue;
    if (step == "..") {
      if (folders.empty()) return WalkError(path, EXDEV);
      folders.pop_back();
      continue;
    }
    const int here = folders.empty() ? root.get() : folders.back().get();
    const bool last = steps.empty();
    UniqueFd fd(::openat(here, step.c_str(),
                         last ? flags : kAlways | O_PATH | O_DIRECTORY));
    const int error = errno;
    if (fd && last) return fd;
    if (fd) {
      folders.push_back(std::move(fd));
      continue;
    }
    // What a link answers depends on the flags.
    const bool maybe_link = error == ELOOP || error == ENOTDIR;
    const auto target =
        maybe_link ? LinkTarget(here, step) : std::optional<std::string>();
    if (!target.has_value()) return WalkError(path, error);
    if (++links > kLinksMax) return WalkError(path, ELOOP);
    if (target->starts_with('/')) return WalkError(path, EXDEV);
    AddSteps(*target, steps);
  }
  UniqueFd fd(::openat(folders.empty() ? root.get() : folders.back().get(), ".",
                       flags));
  if (fd) return fd;
  return WalkError(path, errno);
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
  return InFile(
      path, Refusal("it is ", KindOf(facts.st_mode), ", not a regular file"));
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
      return InFile(folder,
                    Refusal("it has more than ", kVersionsMax, " entries"));
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

absl::StatusOr<std::optional<SignatureFile>> ReadSidecar(
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
    return InFile(path, Refusal("it has ", size, " bytes; at most ",
                                kSidecarSizeMax, " are allowed"));
  }
  const absl::StatusOr<std::string> text = ReadExactly(fd->get(), 0, size);
  if (!text.ok()) return InFile(path, text.status());
  return ParseSignatureFile(*text, path);
}

absl::StatusOr<ModelFile> OpenWithSidecar(const UniqueFd& root,
                                          std::string path, int64_t version) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenRegular(root, path));
  ASSIGN_OR_RETURN(std::optional<SignatureFile> sidecar,
                   ReadSidecar(root, path));
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
