// An NpySource is a file that NumPy's save() wrote, and perhaps a second one
// beside it: a source of weights that Ferry's own readers know nothing of.
//
// The format (numpy.lib.format, NEP 1): six bytes of magic, two of version, the
// length of a header, the header, which is a Python dict as text, and then the
// array's bytes, at any offset and without a checksum.
//
// Threads:  as WeightsSource says.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT for what is not a .npy file of float32 or float64
//           in C order and at most two dimensions.

#ifndef TESTS_SUPPORT_NPY_SOURCE_H_
#define TESTS_SUPPORT_NPY_SOURCE_H_

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "server/base/unique_fd.h"
#include "server/formats/weights_source.h"
#include "server/values/dtype.h"

namespace ferry {

class NpySource final : public WeightsSource {
 public:
  struct Array {
    DType dtype = DType::kFloat32;
    std::vector<int64_t> shape;
    uint64_t file_offset_bytes = 0;
    uint64_t size_bytes = 0;
  };

  struct NamedFd {
    UniqueFd fd;
    std::string path;
  };
  // One array of each file.
  static absl::StatusOr<std::unique_ptr<NpySource>> Open(
      std::vector<NamedFd> files);

  const ImageLayout& layout() const override { return layout_; }
  std::span<const File> files() const override { return files_; }

  // Array i is record i of the layout.
  const std::vector<Array>& arrays() const { return arrays_; }

 private:
  explicit NpySource(std::vector<NamedFd> owned) : owned_(std::move(owned)) {}

  const std::vector<NamedFd> owned_;
  std::vector<File> files_;
  std::vector<Array> arrays_;
  ImageLayout layout_;
};

}  // namespace ferry

#endif  // TESTS_SUPPORT_NPY_SOURCE_H_
