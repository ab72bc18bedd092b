#include "server/formats/torchscript/torchscript_archive.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"

#include "server/base/ids.h"
#include "server/base/status_macros.h"
#include "server/formats/pickle/pickle_check.h"
#include "server/formats/plan_image.h"
#include "server/formats/refusal.h"
#include "server/formats/source_check.h"
#include "server/formats/torchscript/definition_graph.h"

namespace ferry {
namespace {

constexpr std::string_view kWeights = "data/";
constexpr std::string_view kConstants = "constants/";
constexpr std::string_view kCode = "code/";
constexpr std::string_view kCodeSuffix = ".py";
constexpr uint64_t kHeaderRecordSizeMax = 64;

// The file format versions that LibTorch 2.11 reads
// (caffe2/serialize/versions.h).
constexpr int kVersionMin = 1;
constexpr int kVersionMax = 10;

// The weights of one kind, where the image may have them.
absl::StatusOr<std::vector<Record>> WeightsIn(const ZipArchive& zip,
                                              std::string_view folder) {
  std::vector<Record> weights;
  for (const ZipRecord& record : zip.records()) {
    if (!record.name.starts_with(folder)) continue;
    if (record.deflated) {
      return Refusal("record ", Shown(record.name),
                     " is compressed; weights must be stored");
    }
    if (record.file_offset_bytes % kImageAlignmentBytes != 0) {
      return Refusal("record ", Shown(record.name), " is at byte ",
                     record.file_offset_bytes, ", which is not a multiple of ",
                     kImageAlignmentBytes,
                     "; save the model with PyTorch itself");
    }
    weights.push_back({.name = record.name,
                       .file_index = 0,
                       .file_offset_bytes = record.file_offset_bytes,
                       .image_offset_bytes = 0,
                       .size_bytes = record.size_bytes,
                       .crc32 = record.crc32});
  }
  return weights;
}

// Beside code there is what helps to debug it, which is not read.
bool IsCode(std::string_view name) {
  return name.starts_with(kCode) && name.ends_with(kCodeSuffix);
}

// Checks the text and adds its definitions, under their qualified names:
// code/__torch__/a.py has __torch__.a.Class.
absl::Status Outline(std::string_view name, std::string_view text,
                     std::vector<SourceDefinition>& definitions) {
  std::string module(name.substr(
      kCode.size(), name.size() - kCode.size() - kCodeSuffix.size()));
  if (module != "__torch__" && !module.starts_with("__torch__/")) {
    return Refusal("code outside of code/__torch__");
  }
  std::ranges::replace(module, '/', '.');
  ASSIGN_OR_RETURN(SourceOutline outline, CheckSource(text));
  for (SourceDefinition& definition : outline) {
    definition.name = module + "." + definition.name;
    definitions.push_back(std::move(definition));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<TorchScriptArchive>> TorchScriptArchive::Open(
    std::unique_ptr<ZipArchive> zip) {
  std::unique_ptr<TorchScriptArchive> archive(
      new TorchScriptArchive(std::move(zip)));
  RETURN_IF_ERROR(archive->ReadVersion());
  const absl::Status weights = archive->PlanWeights();
  if (!weights.ok()) return InFile(archive->path(), weights);
  RETURN_IF_ERROR(archive->CheckPickle("data.pkl", kWeights));
  RETURN_IF_ERROR(archive->CheckPickle("constants.pkl", kConstants));
  RETURN_IF_ERROR(archive->CheckCode());
  return archive;
}

bool TorchScriptArchive::IsConstant(const Record& record) {
  return record.name.starts_with(kConstants);
}

const std::string* TorchScriptArchive::Find(std::string_view name) const {
  const auto found = checked_.find(name);
  return found == checked_.end() ? nullptr : &found->second;
}

absl::Status TorchScriptArchive::ReadVersion() {
  // LibTorch looks for them in this order.
  const bool hidden = zip_->Find(".data/version") != nullptr;
  const std::string name = hidden ? ".data/version" : "version";
  if (zip_->Find(name) == nullptr) {
    return InFile(path(), Refusal("it has no record \"version\": not what "
                                  "torch.jit.save writes"));
  }
  ASSIGN_OR_RETURN(const std::string text,
                   zip_->Read(name, kHeaderRecordSizeMax));
  if (!absl::SimpleAtoi(text, &version_) || version_ < kVersionMin ||
      version_ > kVersionMax) {
    return InFile(path(),
                  Refusal("its format version is ", Shown(text), "; ",
                          kVersionMin, " to ", kVersionMax, " are read"));
  }
  if (zip_->Find("byteorder") == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::string order,
                   zip_->Read("byteorder", kHeaderRecordSizeMax));
  if (order == "little") return absl::OkStatus();
  return InFile(path(), Refusal("its byte order is ", Shown(order),
                                "; only \"little\" is read"));
}

absl::Status TorchScriptArchive::PlanWeights() {
  ASSIGN_OR_RETURN(std::vector<Record> weights, WeightsIn(*zip_, kWeights));
  ASSIGN_OR_RETURN(std::vector<Record> constants, WeightsIn(*zip_, kConstants));
  layout_ = PlanImage({std::move(weights), std::move(constants)});
  return absl::OkStatus();
}

// The pickle `name`, whose tensors' storages are the records in `folder`.
absl::Status TorchScriptArchive::CheckPickle(const std::string& name,
                                             std::string_view folder) {
  constexpr PickleLimits kLimits;
  ASSIGN_OR_RETURN(std::string pickle,
                   zip_->Read(name, kLimits.size_max_bytes));
  const StorageSize storage_size =
      [&](std::string_view key) -> std::optional<uint64_t> {
    const ZipRecord* const record = zip_->Find(std::string(folder).append(key));
    if (record == nullptr) return std::nullopt;
    return record->size_bytes;
  };
  const absl::Status status = ferry::CheckPickle(pickle, storage_size, kLimits);
  if (!status.ok()) return InFile(path(), InRecord(name, status));
  checked_.emplace(name, std::move(pickle));
  return absl::OkStatus();
}

absl::Status TorchScriptArchive::CheckCode() {
  uint64_t code_bytes = 0;
  std::vector<SourceDefinition> definitions;
  for (const ZipRecord& record : zip_->records()) {
    if (!IsCode(record.name)) continue;
    code_bytes += record.size_bytes;
    if (code_bytes > kCodeSizeMax) {
      return InFile(
          path(), Refusal("it has more than ", kCodeSizeMax, " bytes of code"));
    }
    ASSIGN_OR_RETURN(std::string text, zip_->Read(record.name, kCodeSizeMax));
    const absl::Status status = Outline(record.name, text, definitions);
    if (!status.ok()) return InFile(path(), InRecord(record.name, status));
    code_files_.push_back(record.name);
    checked_.emplace(record.name, std::move(text));
  }
  const absl::Status status = CheckDefinitionGraph(definitions);
  return status.ok() ? status : InFile(path(), status);
}

}  // namespace ferry
