// The door to CUDA on a machine without it: where the plugin is looked for, and
// what each kind of missing says; with a driver that is a fake. With a GPU,
// tests/gpu goes through it.

#include "server/devices/cuda_plugin.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::cuda_plugin_test {
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
  const auto present = CudaDevicesPresent();
  if (!present.ok()) GTEST_SKIP() << present.status();
  const auto device = OpenCudaDevice(*present, 0);
  EXPECT_THAT(device, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(MessageOf(device),
              HasSubstr("shows " + std::to_string(*present)));
}

// A driver that answers as it is told.
class CudaDriverTest : public testing::Test {
 protected:
  static void Answer(const char* error, const char* gpus) {
    setenv("FAKE_DRIVER_ERROR", error, /*overwrite=*/1);
    setenv("FAKE_DRIVER_GPUS", gpus, /*overwrite=*/1);
  }
  ~CudaDriverTest() override { Answer("0", "0"); }
};

TEST_F(CudaDriverTest, IsAskedForItsGpus) {
  Answer("0", "3");
  const auto present = CudaDevicesPresent(FERRY_FAKE_DRIVER);
  ASSERT_THAT(present, IsOk());
  EXPECT_EQ(*present, 3);
}

TEST_F(CudaDriverTest, ShowsNoneWhereThereIsNoDriver) {
  const auto present = CudaDevicesPresent("libferry_no_such.so");
  ASSERT_THAT(present, IsOk());
  EXPECT_EQ(*present, 0);
}

TEST_F(CudaDriverTest, ShowsNoneWhereNoneIsVisible) {
  Answer("100", "3");
  const auto present = CudaDevicesPresent(FERRY_FAKE_DRIVER);
  ASSERT_THAT(present, IsOk());
  EXPECT_EQ(*present, 0);
}

TEST_F(CudaDriverTest, IsToldApartFromNoneWhenItDoesNotWork) {
  Answer("803", "3");
  const auto present = CudaDevicesPresent(FERRY_FAKE_DRIVER);
  EXPECT_THAT(present, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(MessageOf(present),
            "cuda: the NVIDIA driver does not work: system has unsupported "
            "display driver (803); see what nvidia-smi says");
  Answer("999", "3");
  EXPECT_THAT(MessageOf(CudaDevicesPresent(FERRY_FAKE_DRIVER)),
              HasSubstr("an unknown error (999)"));
}

TEST_F(CudaDriverTest, NeedsThePluginWhenItShowsGpus) {
  const std::vector<fs::path> nowhere = {"/nowhere/libferry_cuda.so"};
  Answer("0", "0");
  EXPECT_THAT(CudaDevicesUsable(FERRY_FAKE_DRIVER, nowhere), IsOk());
  Answer("0", "2");
  const auto usable = CudaDevicesUsable(FERRY_FAKE_DRIVER, nowhere);
  EXPECT_THAT(usable, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(MessageOf(usable), HasSubstr("there is no libferry_cuda.so"));
}

}  // namespace
}  // namespace ferry::cuda_plugin_test
