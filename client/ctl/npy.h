// .npy files: one array as NumPy keeps it, read and written.
//
// Format versions 1.0 and 2.0 (numpy/lib/format.py), little-endian, C order,
// plain dtypes; written is always 1.0, with the data aligned to 64 bytes.
//
// Threads:  any; pure functions.
// Fails:    INVALID_ARGUMENT, naming the file, when it is not such a file:
//           Fortran order, big-endian, structured or object dtypes included.
//           INVALID_ARGUMENT to write bfloat16, which NumPy does not have.

#ifndef CLIENT_CTL_NPY_H_
#define CLIENT_CTL_NPY_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "client/value.h"

namespace ferry::client {

// `display_path` is the name that messages use; it opens nothing.
absl::StatusOr<Tensor> ParseNpy(std::string_view file,
                                std::string_view display_path);

absl::StatusOr<std::string> FormatNpy(const Tensor& tensor);

}  // namespace ferry::client

#endif  // CLIENT_CTL_NPY_H_
