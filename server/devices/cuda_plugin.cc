#include "server/devices/cuda_plugin.h"

#include <dlfcn.h>
#include <string>
#include <string_view>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include "server/base/status_macros.h"

namespace ferry {
namespace {

namespace fs = std::filesystem;

constexpr char kPluginFile[] = "libferry_cuda.so";

// Of the driver's answers, from cuda.h.
constexpr int kDriverSuccess = 0;
constexpr int kDriverHasNoDevice = 100;

absl::StatusOr<const CudaPluginEntry*> LoadFrom(const fs::path& path) {
  // Global, so that what LibTorch's CUDA half looks up by name is found.
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cuda: cannot load ", path.native(), ": ", ::dlerror(),
        "; install the CUDA build of torch with all of its nvidia packages: "
        "scripts/quickstart --cuda"));
  }
  const auto entry_of =
      reinterpret_cast<CudaPluginFunction>(::dlsym(library, kCudaPluginSymbol));
  const CudaPluginEntry* const entry = entry_of ? entry_of() : nullptr;
  if (entry == nullptr || entry->version != CudaPluginEntry::kVersion) {
    return absl::FailedPreconditionError(
        absl::StrCat("cuda: ", path.native(), " is of another build: expected ",
                     "interface ", CudaPluginEntry::kVersion, ", found ",
                     entry == nullptr ? 0 : entry->version));
  }
  return entry;
}

// Whether the loader finds a library of this bare name, loadable or not.
bool ThereIs(const fs::path& name) {
  if (::dlopen(name.c_str(), RTLD_LAZY) != nullptr) return true;
  // The error begins with the file that is missing: this one, or one it needs.
  return !std::string_view(::dlerror()).starts_with(name.native());
}

}  // namespace

absl::StatusOr<int> CudaDevicesPresent(const char* driver) {
  // The driver's functions are declared here: its header is not needed to build
  // Ferry.
  void* const library = ::dlopen(driver, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return 0;
  const auto init =
      reinterpret_cast<int (*)(unsigned)>(::dlsym(library, "cuInit"));
  const auto get_count =
      reinterpret_cast<int (*)(int*)>(::dlsym(library, "cuDeviceGetCount"));
  const auto get_text = reinterpret_cast<int (*)(int, const char**)>(
      ::dlsym(library, "cuGetErrorString"));
  if (init == nullptr || get_count == nullptr || get_text == nullptr) return 0;
  int count = 0;
  int error = init(0);
  if (error == kDriverSuccess) error = get_count(&count);
  if (error == kDriverSuccess) return count;
  if (error == kDriverHasNoDevice) return 0;
  const char* text = nullptr;
  get_text(error, &text);
  return absl::FailedPreconditionError(
      absl::StrCat("cuda: the NVIDIA driver does not work: ",
                   text != nullptr ? text : "an unknown error", " (", error,
                   "); see what nvidia-smi says"));
}

absl::StatusOr<int> CudaDevicesUsable(const char* driver,
                                      const std::vector<fs::path>& places) {
  ASSIGN_OR_RETURN(const int present, CudaDevicesPresent(driver));
  if (present > 0) RETURN_IF_ERROR(LoadCudaPlugin(places).status());
  return present;
}

absl::StatusOr<std::unique_ptr<Device>> OpenCudaDevice(
    int index, uint64_t capacity_bytes) {
  ASSIGN_OR_RETURN(const int present, CudaDevicesPresent());
  if (index >= present) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cuda:", index, ": the NVIDIA driver shows ", present, " GPUs",
        present == 0 ? "; install the driver, or leave cuda devices out" : ""));
  }
  ASSIGN_OR_RETURN(const CudaPluginEntry* const entry,
                   LoadCudaPlugin(CudaPluginPlaces()));
  return entry->open(index, capacity_bytes);
}

std::vector<fs::path> CudaPluginPlaces() {
  std::error_code error;
  return CudaPluginPlaces(fs::read_symlink("/proc/self/exe", error));
}

std::vector<fs::path> CudaPluginPlaces(const fs::path& executable) {
  const fs::path folder = executable.parent_path();
  return {folder.parent_path() / "lib" / kPluginFile, folder / kPluginFile,
          kPluginFile};
}

absl::StatusOr<const CudaPluginEntry*> LoadCudaPlugin(
    const std::vector<fs::path>& places) {
  for (const fs::path& place : places) {
    std::error_code error;
    if (place.has_parent_path() && !fs::exists(place, error)) continue;
    auto entry = LoadFrom(place);
    // A bare name: only the loader knows whether there is such a file.
    if (entry.ok() || place.has_parent_path() || ThereIs(place)) return entry;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("cuda: there is no ", kPluginFile, "; looked for ",
                   absl::StrJoin(places, ", ",
                                 [](std::string* out, const fs::path& place) {
                                   out->append(place.native());
                                 }),
                   "; build it with -DFERRY_CUDA=ON and the packages that "
                   "scripts/quickstart --cuda installs"));
}

}  // namespace ferry
