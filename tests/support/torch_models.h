// Small TorchScript files, made on the spot by LibTorch itself.
//
// Threads:  any.
// Units:    bytes.

#ifndef TESTS_SUPPORT_TORCH_MODELS_H_
#define TESTS_SUPPORT_TORCH_MODELS_H_

#include <cstdint>
#include <filesystem>
#include <string>

namespace ferry {

// A folder under the system's temporary one, removed with what is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();

  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::string operator/(const std::string& name) const {
    return (path_ / name).string();
  }

 private:
  std::filesystem::path path_;
};

// forward(x) = x * weight + bias: `weight_bytes` of float32 weight, all equal
// to `factor`; only its first element is used. bias is 1.
void SaveScaleModel(const std::string& path, float factor,
                    uint64_t weight_bytes = 1024);

// forward(x) = x + (how often it ran before): an in-place write of a buffer.
void SaveCounterModel(const std::string& path);

// The same, with the count a new tensor of forward's each time.
void SaveAssigningCounterModel(const std::string& path);

// The same, with the count a constant of the code: which weights are written
// cannot be told. It has `weight_bytes` of them.
void SaveConstantCounterModel(const std::string& path,
                              uint64_t weight_bytes = 1024);

// forward(x) = x + weight, whose ones __setstate__ doubles where they lie.
void SaveDoublingModel(const std::string& path);

// forward(x) = x times a [2, 2] matrix: it takes float32 [any, 2] alone.
void SaveMatrixModel(const std::string& path);

// forward(x) = the name of the device that x is on.
void SaveDeviceModel(const std::string& path);

// forward(text: str, scale: float = 1.0) = text.
void SaveTextModel(const std::string& path);

// forward(x) = the whole number that is nearest below x, from a table of
// `rows`: on a GPU a kernel asserts when it has no such row.
void SaveLookupModel(const std::string& path, int64_t rows);

// forward(x) = x, and takes sum(x) MiB of host memory for a moment.
void SaveGreedyModel(const std::string& path);

// The same on the device that x is on.
void SaveGreedyDeviceModel(const std::string& path);

// forward(x) = x; its __setstate__ takes `mebibytes` of host memory.
void SaveGreedyLoadModel(const std::string& path, int64_t mebibytes);

// forward raises AssertionError("no thanks").
void SaveThrowingModel(const std::string& path);

// forward(x) multiplies a [size, size] matrix with itself `times` times.
void SaveSlowModel(const std::string& path, int64_t size, int64_t times);

}  // namespace ferry

#endif  // TESTS_SUPPORT_TORCH_MODELS_H_
