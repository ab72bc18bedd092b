// OpenBeneath() and FindModelFile() open a model's file, with the sidecar
// beside it, and nothing else.
//
// A client names models and paths. They are walked name by name from a
// configured directory, and symbolic links by their text, so no "..", link or
// rename under way leads out of it, and only a regular file is opened. The
// kernel has a call for that (openat2), which systemd's DynamicUser= and some
// container sandboxes do not let through.
//
// Owns:     nothing; the caller owns the descriptors.
// Threads:  any.
// Units:    bytes.
// Fails:    NOT_FOUND when there is no such file or version;
//           INVALID_ARGUMENT when the path leaves the directory, breaks the
//           rules for names, or is not a regular file, and when the JSON file
//           beside the model is no SignatureFile;
//           PERMISSION_DENIED when the daemon's user may not read it;
//           RESOURCE_EXHAUSTED when there are no descriptors left;
//           INTERNAL when the disk fails.
// Limits:   PATH_MAX; kSidecarSizeMax; kVersionsMax entries in a folder.

#ifndef SERVER_FORMATS_OPEN_MODEL_H_
#define SERVER_FORMATS_OPEN_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "server/base/unique_fd.h"
#include "server/formats/signature_file.h"

namespace ferry {

inline constexpr uint64_t kSidecarSizeMax = uint64_t{1} << 20;
inline constexpr size_t kVersionsMax = 100'000;

// A readable, regular file at `relative_path` below `directory`.
absl::StatusOr<UniqueFd> OpenBeneath(const std::string& directory,
                                     const std::string& relative_path);

struct ModelQuery {
  std::string name = "";
  int64_t version = 0;  // 0: the highest that has its file.
  // A path below one of the directories; empty to look the name up:
  // <name>/<version>/model.pt, or else <name>.pt, which is version 1.
  std::string source = "";
};

struct ModelFile {
  UniqueFd fd;
  std::string path;     // Below its model directory: for people.
  int64_t version = 0;  // Positive.
  // The JSON file beside it (model.pt: model.json), if there.
  std::optional<SignatureFile> sidecar;
};

// The first of `directories` that has the file decides.
absl::StatusOr<ModelFile> FindModelFile(
    const std::vector<std::string>& directories, const ModelQuery& query);

}  // namespace ferry

#endif  // SERVER_FORMATS_OPEN_MODEL_H_
