// A second format, to the end: arrays that NumPy wrote are loaded, served over
// gRPC and moved by a server that knows nothing of them but the two interfaces.

#include <atomic>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/formats/open_source.h"
#include "tests/rpc/test_server.h"
#include "tests/support/matrix_program.h"
#include "tests/support/models_folder.h"
#include "tests/support/npy_source.h"
#include "tests/support/status_matchers.h"

namespace ferry::second_format_test {
namespace {

using testing::HasSubstr;

namespace fs = std::filesystem;

// w.npy, and with it w.bias.npy, where there is one.
ModelFormats Matrices(const fs::path& folder) {
  return {.open_source = [folder](UniqueFd fd, std::string path)
              -> absl::StatusOr<std::unique_ptr<WeightsSource>> {
            std::vector<NpySource::NamedFd> files;
            const fs::path bias =
                folder / fs::path(path).replace_extension(".bias.npy");
            files.push_back({std::move(fd), std::move(path)});
            UniqueFd beside(::open(bias.c_str(), O_RDONLY | O_CLOEXEC));
            if (beside) {
              files.push_back({std::move(beside), bias.filename().string()});
            }
            return NpySource::Open(std::move(files));
          },
          .open_program = &MatrixProgram::Open};
}

std::vector<double> Ramp(size_t size) {
  std::vector<double> x(size);
  for (size_t i = 0; i < size; ++i) x[i] = 0.25 * static_cast<double>(i % 7);
  return x;
}

class SecondFormatTest : public testing::Test {
 protected:
  void SetUp() override {
    SKIP_WITHOUT_MODELS();
    const fs::path numpy = fs::path(ModelsFolder()) / "numpy";
    if (!fs::exists(numpy)) GTEST_SKIP() << "run scripts/setup-models";
    for (const auto& entry : fs::directory_iterator(numpy)) {
      fs::copy(entry.path(), server_->pool.models / entry.path().filename());
    }
  }

  absl::StatusOr<std::vector<double>> Infer(const std::string& model,
                                            const std::vector<double>& x) {
    v1::InferRequest request;
    request.set_model(model);
    v1::NamedValue& input = *request.add_inputs();
    input.set_name("x");
    v1::Tensor& tensor = *input.mutable_value()->mutable_tensor();
    tensor.set_dtype(v1::DATA_TYPE_FLOAT64);
    tensor.add_shape(static_cast<int64_t>(x.size()));
    tensor.set_data(x.data(), x.size() * sizeof(double));
    const auto response = server_->Infer(request);
    if (!response.ok()) return response.status();
    const std::string& data = response->outputs(0).value().tensor().data();
    std::vector<double> y(data.size() / sizeof(double));
    std::memcpy(y.data(), data.data(), data.size());
    return y;
  }

  // x @ w + bias, from the files and with nothing of the server.
  std::vector<double> Expected(const std::string& w, const std::string& bias,
                               const std::vector<double>& x) {
    std::vector<double> y(500, 0);
    if (!bias.empty()) y = Tail<double>(bias, 500);
    const size_t count = x.size() * y.size();
    const std::vector<double> numbers =
        HasDoubles(w) ? Tail<double>(w, count) : Floats(w, count);
    for (size_t i = 0; i < x.size(); ++i) {
      for (size_t j = 0; j < y.size(); ++j) {
        y[j] += x[i] * numbers[i * y.size() + j];
      }
    }
    return y;
  }

  const std::unique_ptr<TestServer> server_ = [] {
    auto folder = std::make_shared<fs::path>();
    auto server = std::make_unique<TestServer>(
        "cpu=64MiB,sim:0=16MiB,sim:1=16MiB", ModelTable::Options(),
        RpcServer::Options(),
        ModelFormats{.open_source =
                         [folder](UniqueFd fd, std::string path) {
                           return Matrices(*folder).open_source(
                               std::move(fd), std::move(path));
                         },
                     .open_program = &MatrixProgram::Open});
    *folder = server->pool.models.path();
    return server;
  }();

 private:
  static bool HasDoubles(const std::string& name) {
    return name.find("float64") != std::string::npos;
  }
  // The last numbers of a file.
  template <typename T>
  std::vector<T> Tail(const std::string& name, size_t count) {
    std::ifstream file(server_->pool.models / name, std::ios::binary);
    std::vector<T> numbers(count);
    const auto size_bytes = static_cast<std::streamoff>(count * sizeof(T));
    file.seekg(-size_bytes, std::ios::end);
    file.read(reinterpret_cast<char*>(numbers.data()), size_bytes);
    EXPECT_TRUE(file.good());
    return numbers;
  }
  std::vector<double> Floats(const std::string& name, size_t count) {
    const std::vector<float> numbers = Tail<float>(name, count);
    return {numbers.begin(), numbers.end()};
  }
};

TEST_F(SecondFormatTest, LoadsServesAndMovesWhatNumPyWrote) {
  const std::vector<double> x = Ramp(300);
  for (const std::string version : {"1", "2", "3"}) {
    for (const std::string dtype : {"float32", "float64"}) {
      const std::string model = "matrix_v" + version + "_" + dtype;
      SCOPED_TRACE(model);
      const std::string bias =
          model == "matrix_v1_float64" ? "matrix_v1_float64.bias.npy" : "";
      const auto expected = Expected(model + ".npy", bias, x);
      ASSERT_THAT(server_->Load(model, {"cpu"}, model + ".npy"), IsOk());
      EXPECT_EQ(*Infer(model, x), expected);
      for (const std::string device : {"sim:0", "sim:1", "cpu"}) {
        const auto moved = server_->pool.Migrate(model, {device});
        ASSERT_THAT(moved, IsOk());
        EXPECT_TRUE(moved->report->verified);
        EXPECT_EQ(*Infer(model, x), expected) << device;
      }
      ASSERT_THAT(server_->pool.Unload(model), IsOk());
      EXPECT_EQ(server_->pool.used_bytes("cpu"), 0u);
      EXPECT_EQ(server_->pool.used_bytes("sim:1"), 0u);
    }
  }
}

// NumPy's own test files, one of Windows: their arrays begin at byte 80.
TEST_F(SecondFormatTest, TakesArraysThatAreNotAligned) {
  for (const std::string name : {"python3", "win64python2"}) {
    ASSERT_THAT(server_->Load(name, {"sim:0"}, name + ".npy"), IsOk());
    const auto answer = Infer(name, {2, 0.5});
    ASSERT_THAT(answer, IsOk());
    EXPECT_EQ(*answer, std::vector<double>{2.5}) << name;  // w is [1, 1].
  }
}

TEST_F(SecondFormatTest, NoRequestIsLostWhileItMoves) {
  const std::string model = "matrix_v1_float64";
  const std::vector<double> x = Ramp(300);
  ASSERT_THAT(server_->Load(model, {"sim:0"}, model + ".npy"), IsOk());
  const auto expected = *Infer(model, x);
  std::atomic<bool> moving{true};
  std::thread client([&] {
    do {
      const auto answer = Infer(model, x);
      ASSERT_THAT(answer, IsOk());
      ASSERT_EQ(*answer, expected);
    } while (moving);
  });
  for (int round = 0; round < 10; ++round) {
    const std::string device = round % 2 == 0 ? "sim:1" : "cpu";
    EXPECT_THAT(server_->pool.Migrate(model, {device}), IsOk());
  }
  moving = false;
  client.join();
}

TEST_F(SecondFormatTest, RefusesWhatItsReaderRefuses) {
  SaveScaleModel(server_->pool.models / "twice.pt", 2);
  for (const std::string file :
       {"py3-objarr.npy", "py2-objarr.npy", "fortran.npy", "twice.pt"}) {
    const auto refused = server_->Load("refused", {"cpu"}, file);
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(file));
  }
  EXPECT_EQ(server_->pool.used_bytes("cpu"), 0u);
}

TEST_F(SecondFormatTest, ShowsWhatKindOfProgramItIs) {
  ASSERT_THAT(server_->Load("python3", {"cpu"}, "python3.npy"), IsOk());
  grpc::ClientContext context;
  ::inference::ModelMetadataRequest request;
  request.set_name("python3");
  ::inference::ModelMetadataResponse response;
  ASSERT_TRUE(
      server_->kserve->ModelMetadata(&context, request, &response).ok());
  EXPECT_EQ(response.platform(), "numpy_matrix");
  EXPECT_EQ(response.inputs(0).datatype(), "FP64");
}

}  // namespace
}  // namespace ferry::second_format_test
