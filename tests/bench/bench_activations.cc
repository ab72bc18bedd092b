// What keeping freed blocks does to forwards: the same runs with and without,
// in turn, on one thread as on a lane.
//
// Usage: bench_activations FOLDER ROUNDS
//
// FOLDER has resnet18.pt (scripts/setup-models). The perceptron is 64-1024-
// 1024-16 with ReLU, made here. Prints one JSON object a line for each model
// and batch: ms of the thread's processor time a run, page faults a run, and
// megabytes resident, of each round, first of those without.

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <time.h>

#include <ATen/Parallel.h>
#include <sys/resource.h>
#include <torch/script.h>

#include "server/base/worker.h"
#include "server/executors/torch/activation_budget.h"

namespace {

constexpr uint64_t kKeptBytesMax = uint64_t{1} << 30;

double ResidentMiB() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmRSS:", 0) == 0) return std::stod(line.substr(6)) / 1024;
  }
  return -1;
}

double ThreadMs() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) +
         1e-6 * static_cast<double>(now.tv_nsec);
}

long Faults() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

struct Series {
  std::string ms, faults, resident;
  void Add(double run_ms, double run_faults) {
    const char* comma = ms.empty() ? "" : ",";
    ms += comma + std::to_string(run_ms);
    faults += comma + std::to_string(run_faults);
    resident += comma + std::to_string(ResidentMiB());
  }
};

void Measure(torch::jit::Module module, const char* name,
             const at::Tensor& input, int rounds, int runs) {
  Series series[2];
  for (int round = 0; round < rounds; ++round) {
    for (const bool keeps : {false, true}) {
      ferry::SetActivationLimit(std::numeric_limits<uint64_t>::max(),
                                keeps ? kKeptBytesMax : 0);
      module.forward({input});
      module.forward({input});
      const double begin_ms = ThreadMs();
      const long begin_faults = Faults();
      for (int i = 0; i < runs; ++i) module.forward({input});
      series[keeps ? 1 : 0].Add(
          (ThreadMs() - begin_ms) / runs,
          static_cast<double>(Faults() - begin_faults) / runs);
    }
  }
  std::printf("{\"model\":\"%s\",\"batch\":%lld", name,
              static_cast<long long>(input.size(0)));
  for (const bool keeps : {false, true}) {
    const Series& of = series[keeps ? 1 : 0];
    const char* way = keeps ? "kept" : "freed";
    std::printf(",\"%s_ms\":[%s],\"%s_faults\":[%s],\"%s_mib\":[%s]", way,
                of.ms.c_str(), way, of.faults.c_str(), way,
                of.resident.c_str());
  }
  std::printf("}\n");
  std::fflush(stdout);
}

torch::jit::Module Perceptron() {
  torch::jit::Module module("Perceptron");
  module.register_parameter("a", torch::randn({1024, 64}), false);
  module.register_parameter("b", torch::randn({1024, 1024}), false);
  module.register_parameter("c", torch::randn({16, 1024}), false);
  module.define(
      "def forward(self, x):\n"
      "    x = torch.relu(torch.linear(x, self.a))\n"
      "    x = torch.relu(torch.linear(x, self.b))\n"
      "    return torch.linear(x, self.c)\n");
  return module;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string folder = argv[1];
  const int rounds = std::atoi(argv[2]);
  at::set_num_threads(1);
  torch::manual_seed(1);
  const ferry::Worker lane("lane", [&] {
    const c10::InferenceMode inference;
    const auto resnet = torch::jit::load(folder + "/resnet18.pt");
    for (const int64_t batch : {1, 8}) {
      Measure(resnet, "resnet18", torch::randn({batch, 3, 224, 224}), rounds,
              batch == 1 ? 10 : 3);
    }
    const auto perceptron = Perceptron();
    for (const int64_t batch : {512, 4096, 32768}) {
      Measure(perceptron, "perceptron", torch::randn({batch, 64}), rounds,
              batch == 512 ? 30 : 3);
    }
  });
}
