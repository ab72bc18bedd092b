// ferry-make-model as its user runs it: the files it writes, loaded again by
// LibTorch. MAKE_MODEL is the program.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <ATen/ops/ones.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>
#include <torch/csrc/jit/serialization/import.h>

namespace ferry::make_model_test {
namespace {

namespace fs = std::filesystem;

class MakeModelTest : public testing::Test {
 protected:
  MakeModelTest() { fs::create_directories(folder_); }
  ~MakeModelTest() override { fs::remove_all(folder_); }

  // The exit status.
  static int Make(const fs::path& path, const std::string& flags) {
    const std::string command = std::string(MAKE_MODEL) + " '" + path.string() +
                                "' " + flags + " >/dev/null 2>&1";
    const int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  static std::string Content(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    std::ostringstream content;
    content << stream.rdbuf();
    return content.str();
  }

  const fs::path folder_ =
      fs::path(testing::TempDir()) /
      (std::string("make_model_test_") +
       testing::UnitTest::GetInstance()->current_test_info()->name());
};

TEST_F(MakeModelTest, AnMlpHasItsBytesAndAnswersInItsShape) {
  const fs::path path = folder_ / "mlp.pt";
  ASSERT_EQ(Make(path, "--kind=mlp --bytes=8MiB"), 0);
  const auto sidecar = nlohmann::json::parse(Content(folder_ / "mlp.json"));
  const auto& x = sidecar.at("inputs").at(0);
  EXPECT_EQ(x.at("name"), "x");
  EXPECT_EQ(x.at("datatype"), "FP32");
  EXPECT_EQ(sidecar.at("outputs").at(0).at("shape"), x.at("shape"));
  const int64_t width = x.at("shape").at(1);

  torch::jit::Module module = torch::jit::load(path.string());
  int64_t weight_bytes = 0;
  for (const at::Tensor& weight : module.parameters()) {
    weight_bytes += weight.nbytes();
    EXPECT_LE(weight.nbytes(), 16 << 20);
  }
  EXPECT_EQ(weight_bytes, 8 << 20);
  const at::Tensor y = module.forward({at::ones({3, width})}).toTensor();
  EXPECT_EQ(y.sizes(), at::IntArrayRef({3, width}));
  EXPECT_TRUE(y.isfinite().all().item<bool>());
  EXPECT_GT(y.abs().max().item<float>(), 0);
}

TEST_F(MakeModelTest, ADeepMlpStaysFinite) {
  const fs::path path = folder_ / "deep.pt";
  ASSERT_EQ(Make(path, "--bytes=128MiB"), 0);
  torch::jit::Module module = torch::jit::load(path.string());
  const at::Tensor y = module.forward({at::ones({1, 1024})}).toTensor();
  EXPECT_TRUE(y.isfinite().all().item<bool>());
  EXPECT_GT(y.abs().max().item<float>(), 1e-3);
  EXPECT_LT(y.abs().max().item<float>(), 1e3);
}

TEST_F(MakeModelTest, TheSeedDecidesTheFile) {
  ASSERT_EQ(Make(folder_ / "a.pt", "--bytes=64KiB --seed=5"), 0);
  ASSERT_EQ(Make(folder_ / "b.pt", "--bytes=64KiB --seed=5"), 0);
  ASSERT_EQ(Make(folder_ / "c.pt", "--bytes=64KiB --seed=6"), 0);
  EXPECT_TRUE(Content(folder_ / "a.pt") == Content(folder_ / "b.pt"));
  EXPECT_FALSE(Content(folder_ / "a.pt") == Content(folder_ / "c.pt"));
}

TEST_F(MakeModelTest, AnEchoAnswersWithItsInput) {
  const fs::path path = folder_ / "echo.pt";
  ASSERT_EQ(Make(path, "--kind=echo"), 0);
  torch::jit::Module module = torch::jit::load(path.string());
  const at::Tensor x = at::ones({2, 16});
  EXPECT_TRUE(module.forward({x}).toTensor().equal(x));
  EXPECT_EQ(module.parameters().size(), 0);
}

TEST_F(MakeModelTest, RefusesWhatItCannotMakeAndLeavesNothing) {
  EXPECT_NE(Make(folder_ / "nowhere/x.pt", "--kind=echo"), 0);
  EXPECT_NE(Make(folder_ / "x.onnx", "--kind=echo"), 0);
  EXPECT_NE(Make(folder_ / "x.pt", "--kind=transformer"), 0);
  EXPECT_NE(Make(folder_ / "x.pt", "--bytes=1KiB"), 0);
  EXPECT_NE(Make(folder_ / "x.pt", "--bytes=lots"), 0);
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace ferry::make_model_test
