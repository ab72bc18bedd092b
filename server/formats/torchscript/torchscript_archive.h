// A TorchScriptArchive is a checked TorchScript file: what torch.jit.save
// wrote.
//
// LibTorch trusts what it loads: its unpickler checks no tensor against its
// storage and its compiler recurses as deep as the text says. Open() therefore
// reads everything but the weights first and refuses what could hurt. What it
// checked it keeps: a file may change under us, so whoever builds a module uses
// these bytes and reads nothing of the file but weights.
//
// Owns:     the checked bytes and the descriptor; fd() is borrowed, for pread,
//           and never closed by the borrower.
// Threads:  immutable after Open(); any number of threads.
// Units:    bytes.
// Fails:    INVALID_ARGUMENT when the file is not a whole, well-formed
//           TorchScript archive; UNIMPLEMENTED for a tensor kind that Ferry
//           does not serve;
//           DATA_LOSS when a record that is not weights fails its checksum.
//           (Weights are checked by whoever reads them: Record::crc32.)
// Limits:   kCodeSizeMax for all code; and those of zip_directory.h,
//           pickle_check.h (for each of two pickles) and source_check.h.

#ifndef SERVER_FORMATS_TORCHSCRIPT_TORCHSCRIPT_ARCHIVE_H_
#define SERVER_FORMATS_TORCHSCRIPT_TORCHSCRIPT_ARCHIVE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "server/formats/weights_source.h"
#include "server/formats/zip/zip_archive.h"

namespace ferry {

class TorchScriptArchive final : public WeightsSource {
 public:
  static constexpr uint64_t kCodeSizeMax = uint64_t{64} << 20;

  // `zip` has what a TorchScript archive has (file_kind.h).
  static absl::StatusOr<std::unique_ptr<TorchScriptArchive>> Open(
      std::unique_ptr<ZipArchive> zip);

  TorchScriptArchive(const TorchScriptArchive&) = delete;
  TorchScriptArchive& operator=(const TorchScriptArchive&) = delete;

  // The weights ("data/N") and then the constants ("constants/N").
  const ImageLayout& layout() const override { return layout_; }
  std::span<const File> files() const override { return {&file_, 1}; }

  // A tensor of the code, not of the module. They end the image.
  static bool IsConstant(const Record& record);

  // The checked bytes of a record, named without the archive's top folder:
  // "data.pkl", "constants.pkl", "code/__torch__/model.py". Null when nothing
  // of that name was checked.
  const std::string* Find(std::string_view name) const;

  // Names of the records that hold code, in ascending order.
  const std::vector<std::string>& code_files() const { return code_files_; }
  // The file format version, which selects operator upgraders.
  int version() const { return version_; }

  int fd() const { return file_.fd; }
  const std::string& path() const { return file_.path; }
  uint64_t file_size_bytes() const { return zip_->file_size_bytes(); }

 private:
  explicit TorchScriptArchive(std::unique_ptr<ZipArchive> zip)
      : zip_(std::move(zip)), file_{zip_->fd(), zip_->path()} {}

  absl::Status ReadVersion();
  absl::Status PlanWeights();
  absl::Status CheckPickle(const std::string& name, std::string_view folder);
  absl::Status CheckCode();

  const std::unique_ptr<ZipArchive> zip_;
  const File file_;
  // Written by Open() only.
  std::map<std::string, std::string, std::less<>> checked_;
  ImageLayout layout_;
  std::vector<std::string> code_files_;
  int version_ = 0;
};

}  // namespace ferry

#endif  // SERVER_FORMATS_TORCHSCRIPT_TORCHSCRIPT_ARCHIVE_H_
