// OpenSource() opens the file that a model's weights come from, with the reader
// of its format.
//
// Threads:  any.
// Fails:    as the reader says: INVALID_ARGUMENT when the file is not what it
//           should be; UNIMPLEMENTED when it is another format that PyTorch
//           writes.

#ifndef SERVER_FORMATS_OPEN_SOURCE_H_
#define SERVER_FORMATS_OPEN_SOURCE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "server/base/unique_fd.h"
#include "server/formats/weights_source.h"

namespace ferry {

// `display_path` is the name that messages use; it opens nothing.
absl::StatusOr<std::unique_ptr<WeightsSource>> OpenSource(
    UniqueFd fd, std::string display_path);

}  // namespace ferry

#endif  // SERVER_FORMATS_OPEN_SOURCE_H_
