// The door to CUDA on a machine without it: where the plugin is looked for, and
// what each kind of missing says. With a GPU, tests/gpu goes through it.

#include "server/devices/cuda_plugin.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

template <typename T>
std::string MessageOf(const absl::StatusOr<T>& result) {
  return std::string(result.status().message());
}

TEST(CudaPluginTest, LooksInTheUsualPlacesInOrder) {
  EXPECT_THAT(
      CudaPluginPlaces("/opt/ferry/bin/ferryd"),
      ElementsAre("/opt/ferry/lib/libferry_cuda.so",
                  "/opt/ferry/bin/libferry_cuda.so", "libferry_cuda.so"));
}

TEST(CudaPluginTest, SaysWhereItLookedWhenThereIsNone) {
  const auto entry =
      LoadCudaPlugin({"/nowhere/libferry_cuda.so", "libferry_no_such.so"});
  EXPECT_THAT(entry, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(MessageOf(entry),
              AllOf(HasSubstr("/nowhere/libferry_cuda.so"),
                    HasSubstr("libferry_no_such.so"), HasSubstr("build it")));
}

TEST(CudaPluginTest, SaysWhatToInstallWhenItCannotBeLoaded) {
  const fs::path broken = fs::path(testing::TempDir()) / "libferry_cuda.so";
  std::ofstream(broken) << "not a library";
  const auto entry = LoadCudaPlugin({broken});
  fs::remove(broken);
  EXPECT_THAT(entry, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(MessageOf(entry),
              AllOf(HasSubstr("cannot load"), HasSubstr("quickstart --cuda")));
}

TEST(CudaPluginTest, RefusesALibraryThatIsNotThePlugin) {
  const auto entry = LoadCudaPlugin({"libm.so.6"});
  EXPECT_THAT(entry, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(MessageOf(entry), HasSubstr("another build"));
}

TEST(CudaPluginTest, SaysHowManyGpusTheDriverShows) {
  const int present = CudaDevicesPresent();
  const auto device = OpenCudaDevice(present, 0);
  EXPECT_THAT(device, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(MessageOf(device), HasSubstr("shows " + std::to_string(present)));
}

}  // namespace
}  // namespace ferry
