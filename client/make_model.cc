// ferry-make-model writes a TorchScript model to try things with, and the JSON
// file beside it that tells its inputs and outputs:
//
//   ferry-make-model models/mlp.pt --kind=mlp --bytes=256MiB
//
// mlp:  a chain of square linear layers and ReLUs, about --bytes of weights,
//       all of them read by each request; x [*, d] to output [*, d].
// echo: no weights; x of any shape comes back as it is.
//
// The weights are random from --seed (the same file each time) and scaled as in
// He et al. 2015, "Delving Deep into Rectifiers", so that outputs stay finite
// however deep the chain is.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <system_error>
#include <unistd.h>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <CLI/CLI.hpp>
#include <c10/util/Exception.h>
#include <nlohmann/json.hpp>
#include <torch/csrc/jit/api/module.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "server/base/bytes.h"
#include "server/base/status_macros.h"

namespace ferry {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMlpBytesMin = 4096;
constexpr uint64_t kMlpBytesMax = uint64_t{1} << 40;
// Layers of 4 MiB: large enough to copy well, small enough to be many.
constexpr int64_t kWidthMax = 1024;
// A chain longer than this gets wider layers instead, up to 16 MiB each.
constexpr int64_t kLayersComfortable = 256;
constexpr int64_t kWidthLargest = 2048;
constexpr int64_t kEchoWidth = 16;

struct Options {
  std::string path;
  std::string kind = "mlp";
  std::string bytes = "256MiB";
  uint64_t seed = 1;
};

struct MlpShape {
  int64_t width;
  int64_t layers;
};

// The layers whose weights are nearest to `size_bytes` in all.
MlpShape ChooseMlp(uint64_t size_bytes) {
  const double floats = static_cast<double>(size_bytes) / sizeof(float);
  int64_t width = kWidthMax;
  // At least two layers, of a power of two.
  while (width > 16 && 2.0 * width * width > floats) width /= 2;
  if (floats / (double(kWidthMax) * kWidthMax) > kLayersComfortable) {
    width = kWidthLargest;
  }
  const double layers = std::round(floats / (double(width) * width));
  return {.width = width, .layers = std::max<int64_t>(1, int64_t(layers))};
}

torch::jit::Module MakeMlp(const MlpShape& shape, uint64_t seed) {
  torch::jit::Module module("Mlp");
  at::Generator generator = at::detail::createCPUGenerator(seed);
  // A uniform distribution of variance 2 / width.
  const double bound = std::sqrt(6.0 / static_cast<double>(shape.width));
  std::string body = "def forward(self, x: Tensor) -> Tensor:\n";
  for (int64_t layer = 0; layer < shape.layers; ++layer) {
    const std::string name = absl::StrCat("w", layer);
    at::Tensor weight = at::empty({shape.width, shape.width}, at::kFloat);
    weight.uniform_(-bound, bound, generator);
    module.register_parameter(name, std::move(weight), /*is_buffer=*/false);
    const std::string linear = absl::StrCat("torch.linear(x, self.", name, ")");
    absl::StrAppend(
        &body, "    x = ",
        layer + 1 < shape.layers ? "torch.relu(" + linear + ")" : linear, "\n");
  }
  absl::StrAppend(&body, "    return x\n");
  module.define(body);
  module.eval();
  return module;
}

torch::jit::Module MakeEcho() {
  torch::jit::Module module("Echo");
  module.define("def forward(self, x: Tensor) -> Tensor:\n    return x\n");
  module.eval();
  return module;
}

std::string Sidecar(int64_t width) {
  const auto tensor = [width](const char* name) {
    return nlohmann::ordered_json{
        {"name", name}, {"datatype", "FP32"}, {"shape", {-1, width}}};
  };
  const nlohmann::ordered_json sidecar = {
      {"inputs", nlohmann::ordered_json::array({tensor("x")})},
      {"outputs", nlohmann::ordered_json::array({tensor("output")})}};
  return sidecar.dump() + "\n";
}

// A file that is either whole under its name or not there: written beside it
// and renamed.
template <typename Write>
absl::Status WriteWhole(const fs::path& path, Write write) {
  const fs::path beside = absl::StrCat(path.string(), ".", getpid(), ".new");
  std::error_code error;
  {
    std::ofstream stream(beside, std::ios::binary | std::ios::trunc);
    if (stream.is_open()) write(stream);
    stream.close();
    if (!stream.fail()) fs::rename(beside, path, error);
    if (!stream.fail() && !error) return absl::OkStatus();
  }
  fs::remove(beside, error);
  return absl::UnavailableError(
      absl::StrCat(path.string(),
                   ": cannot be written: does its directory exist, is there "
                   "room on the disk?"));
}

struct MadeModel {
  torch::jit::Module module;
  int64_t width;        // The last size of x.
  std::string summary;  // For people.
};

absl::StatusOr<MadeModel> MakeModel(const Options& options) {
  if (options.kind == "echo") {
    return MadeModel{MakeEcho(), kEchoWidth, "echo, no weights"};
  }
  ASSIGN_OR_RETURN(const uint64_t size_bytes, ParseBytes(options.bytes));
  if (size_bytes < kMlpBytesMin || size_bytes > kMlpBytesMax) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--bytes=", options.bytes, ": must be from ", FormatBytes(kMlpBytesMin),
        " to ", FormatBytes(kMlpBytesMax)));
  }
  const MlpShape shape = ChooseMlp(size_bytes);
  const uint64_t weight_bytes =
      uint64_t(shape.layers) * shape.width * shape.width * sizeof(float);
  return MadeModel{
      MakeMlp(shape, options.seed), shape.width,
      absl::StrCat(shape.layers, " linear layers of ", shape.width, " x ",
                   shape.width, ", ", FormatBytes(weight_bytes))};
}

absl::Status MakeFiles(const Options& options) {
  const fs::path path = options.path;
  if (path.extension() != ".pt") {
    return absl::InvalidArgumentError(
        absl::StrCat(options.path, ": the name must end with .pt"));
  }
  ASSIGN_OR_RETURN(const MadeModel made, MakeModel(options));
  // The sidecar first: whoever sees the model sees both.
  RETURN_IF_ERROR(WriteWhole(
      fs::path(path).replace_extension(".json"),
      [&made](std::ostream& stream) { stream << Sidecar(made.width); }));
  RETURN_IF_ERROR(WriteWhole(
      path, [&made](std::ostream& stream) { made.module.save(stream); }));
  std::cout << options.path << ": " << made.summary << "\n";
  return absl::OkStatus();
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Writes a TorchScript model to try Ferry with, and the .json "
      "beside it.",
      "ferry-make-model");
  app.add_option("path", options.path, "The file to write, ending with .pt")
      ->required()
      ->type_name("OUT.pt");
  app.add_option("--kind", options.kind, "mlp or echo")
      ->check(CLI::IsMember({"mlp", "echo"}))
      ->capture_default_str();
  app.add_option("--bytes", options.bytes, "About how many weights an mlp has")
      ->type_name("BYTES")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "Of the weights")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  absl::Status status;
  try {
    status = MakeFiles(options);
  } catch (const c10::Error& error) {
    status = absl::InternalError(error.what_without_backtrace());
  } catch (const std::exception& error) {
    status = absl::InternalError(error.what());
  }
  if (status.ok()) return 0;
  std::cerr << "ferry-make-model: " << status.message() << "\n";
  return static_cast<int>(status.code());
}

}  // namespace
}  // namespace ferry

int main(int argc, char** argv) { return ferry::Main(argc, argv); }
