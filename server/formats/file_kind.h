// CheckFileHead() and CheckIsTorchScript() refuse the files that people have
// and Ferry does not read.
//
// A refusal should say what a file is and what to do, so this looks at the
// first bytes, then at which records there are. OpenSource asks both.
//
// Threads:  any.

#ifndef SERVER_FORMATS_FILE_KIND_H_
#define SERVER_FORMATS_FILE_KIND_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

#include "server/formats/zip/zip_archive.h"

namespace ferry {

inline constexpr uint64_t kFileHeadSize = 16;

// OK when nothing is known against a file with that head; else INVALID_ARGUMENT
// for one that has to be saved in another way, UNIMPLEMENTED for a format that
// Ferry does not read. `head` is the file's first kFileHeadSize bytes, or all.
absl::Status CheckFileHead(std::string_view head, uint64_t file_size_bytes);

// OK when the archive has what a TorchScript archive has; else as above.
absl::Status CheckIsTorchScript(const ZipArchive& zip);

}  // namespace ferry

#endif  // SERVER_FORMATS_FILE_KIND_H_
