// A TorchScriptArchive is a checked TorchScript file: what torch.jit.save
// wrote.
//
// LibTorch trusts what it loads: its unpickler checks no tensor against its
// storage and its compiler recurses as deep as the text says. Open() therefore
// reads everything but the weights first and refuses what could hurt; whoever
// builds a module or reads weights afterwards uses this one open file.
//
// Owns:     the descriptor; fd() is borrowed, for pread, and never closed by
//           the borrower.
// Threads:  immutable after Open(); any number of threads.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT when the file is not a whole, well-formed
//           TorchScript archive; UNIMPLEMENTED when it is another format that
//           PyTorch writes, or a tensor kind that Ferry does not serve;
//           DATA_LOSS when a record that is not weights fails its checksum.
//           (Weights are checked by whoever reads them: Record::crc32.)
// Limits:   kSmallRecordSizeMax for a record that is not weights, kCodeSizeMax
//           for all code; and those of zip_directory.h, pickle_check.h and
//           source_check.h.

#ifndef SERVER_FORMATS_TORCHSCRIPT_ARCHIVE_H_
#define SERVER_FORMATS_TORCHSCRIPT_ARCHIVE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "server/base/unique_fd.h"
#include "server/formats/image_layout.h"
#include "server/formats/zip_archive.h"

namespace ferry {

class TorchScriptArchive {
 public:
  static constexpr uint64_t kSmallRecordSizeMax = uint64_t{64} << 20;
  static constexpr uint64_t kCodeSizeMax = uint64_t{64} << 20;

  // `display_path` is the name that messages use; it opens nothing.
  static absl::StatusOr<std::unique_ptr<TorchScriptArchive>> Open(
      UniqueFd fd, std::string display_path);

  TorchScriptArchive(const TorchScriptArchive&) = delete;
  TorchScriptArchive& operator=(const TorchScriptArchive&) = delete;

  // The weights ("data/N") and then the constants ("constants/N").
  const ImageLayout& layout() const { return layout_; }

  // Record names are without the archive's top folder: "data.pkl",
  // "code/__torch__/model.py".
  bool HasRecord(std::string_view name) const;
  // The checked bytes of a record that is not weights. NOT_FOUND when there is
  // none of that name.
  absl::StatusOr<std::string> Read(std::string_view name) const;

  // Names of the records that hold code, in ascending order.
  const std::vector<std::string>& code_files() const { return code_files_; }
  // The file format version, which selects operator upgraders.
  int version() const { return version_; }
  // True when building the module runs code that may read weights
  // (__setstate__, or a class written in C++): fill the image first.
  bool runs_code_at_load() const { return runs_code_at_load_; }

  int fd() const { return zip_->fd(); }
  const std::string& path() const { return zip_->path(); }
  uint64_t file_size_bytes() const { return zip_->file_size_bytes(); }

 private:
  explicit TorchScriptArchive(std::unique_ptr<ZipArchive> zip)
      : zip_(std::move(zip)) {}

  absl::Status ReadVersion();
  absl::Status PlanWeights();
  absl::Status CheckPickles();
  absl::Status CheckCode();

  const std::unique_ptr<ZipArchive> zip_;
  // Written by Open() only.
  ImageLayout layout_;
  std::vector<std::string> code_files_;
  int version_ = 0;
  bool runs_code_at_load_ = false;
};

}  // namespace ferry

#endif  // SERVER_FORMATS_TORCHSCRIPT_ARCHIVE_H_
