#include "server/formats/file_kind.h"

#include <algorithm>
#include <string>

#include "server/formats/little_endian.h"
#include "server/formats/refusal.h"

namespace ferry {
namespace {

// torch.save before 1.6: a pickle of the integer 0x1950a86a20f9469cfc6c.
constexpr std::string_view kLegacyMagic(
    "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);

bool HasRecordsIn(const ZipArchive& zip, std::string_view folder) {
  const auto first =
      std::ranges::lower_bound(zip.records(), folder, {}, &ZipRecord::name);
  return first != zip.records().end() && first->name.starts_with(folder);
}

}  // namespace

absl::Status CheckFileHead(std::string_view head, uint64_t file_size_bytes) {
  if (head.starts_with(kLegacyMagic)) {
    return Refusal(
        "it was written by torch.save before PyTorch 1.6; load it in Python "
        "and save the model with torch.jit.script(model).save(path)");
  }
  if (head.starts_with("\x80")) {
    return Refusal(
        "it is a bare pickle; load it in Python and save the model with "
        "torch.jit.script(model).save(path)");
  }
  // Its header: a length, and JSON of that length.
  if (head.size() > 8 && head[8] == '{' &&
      LoadLittleEndian<uint64_t>(head, 0) <= file_size_bytes - 8) {
    return absl::UnimplementedError(
        "it is a safetensors file, which has weights and no code; this "
        "version serves TorchScript models");
  }
  return absl::OkStatus();
}

absl::Status CheckIsTorchScript(const ZipArchive& zip) {
  if (HasRecordsIn(zip, "data/aotinductor/")) {
    return absl::UnimplementedError(
        "it is an AOTInductor package; this version serves TorchScript models");
  }
  if (HasRecordsIn(zip, "models/") ||
      zip.Find("serialized_exported_program.json") != nullptr) {
    return absl::UnimplementedError(
        "it is an exported program (torch.export.save); this version serves "
        "TorchScript models");
  }
  const bool has_code = HasRecordsIn(zip, "code/");
  const bool has_constants = zip.Find("constants.pkl") != nullptr;
  if (zip.Find("data.pkl") == nullptr) {
    return Refusal(
        "it is a zip archive, but has no data.pkl: torch.jit.save "
        "did not write it");
  }
  if (!has_code && !has_constants) {
    return Refusal(
        "it is a state dict (torch.save), which has weights and no code; save "
        "the model with torch.jit.script(model).save(path) or "
        "torch.jit.trace(model, example).save(path)");
  }
  if (!has_code || !has_constants) {
    return Refusal("it has no ", has_code ? "constants.pkl" : "code/",
                   ": torch.jit.save did not write it, or not all of it");
  }
  return absl::OkStatus();
}

}  // namespace ferry
