// One way to get a TorchScript file's weights into memory, timed, in a process
// of its own, so that its peak memory is its own too.
//
// Usage: bench_load read|jit|ferry FOLDER NAME ROUNDS
//
// Loads FOLDER/NAME.pt ROUNDS times, letting go in between: `read` by plain
// reads into one buffer that is made anew each round, `jit` by
// torch::jit::load, `ferry` by the mover, file to served. Before the first, a
// child touches twice as many bytes and lets go: a hypervisor that takes free
// memory back from its guests needs a second to give a gibibyte again, whoever
// asks for it. Prints one JSON object: ms of each round, megabytes resident
// before and at the peak, and of the file.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <torch/script.h>

#include "tests/support/test_pool.h"

namespace {

using Clock = std::chrono::steady_clock;

double Status(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) == 0) {
      return std::stod(line.substr(key.size() + 1)) / 1024;
    }
  }
  return -1;
}

void Read(const std::string& path) {
  const auto size = std::filesystem::file_size(path);
  const std::unique_ptr<char[]> buffer(new char[size]);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  for (size_t done = 0; done < size;) {
    const ssize_t got = read(fd, buffer.get() + done, size - done);
    if (got <= 0) std::exit(1);
    done += static_cast<size_t>(got);
  }
  close(fd);
}

// Makes the machine have this much free memory that its host has backed.
void BackFreeMemory(size_t size_bytes) {
  const pid_t child = fork();
  if (child == 0) {
    void* const memory = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) _exit(1);
    madvise(memory, size_bytes, MADV_HUGEPAGE);
    std::memset(memory, 1, size_bytes);
    _exit(0);
  }
  int code = 1;
  if (waitpid(child, &code, 0) != child || code != 0) std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string way = argv[1];
  const std::string folder = argv[2];
  const std::string name = argv[3];
  const std::string path = folder + "/" + name + ".pt";
  const double weights_mb =
      static_cast<double>(std::filesystem::file_size(path)) / (1 << 20);

  BackFreeMemory(2 * std::filesystem::file_size(path));
  std::unique_ptr<ferry::TestPool> pool;
  if (way == "ferry") {
    pool = std::make_unique<ferry::TestPool>("cpu=8GiB");
    std::filesystem::create_hard_link(path, pool->models / (name + ".pt"));
  }
  const double before_mb = Status("VmRSS:");
  std::string rounds;
  for (int i = 0; i < std::atoi(argv[4]); ++i) {
    const auto begin = Clock::now();
    if (way == "read") {
      Read(path);
    } else if (way == "jit") {
      const auto module = torch::jit::load(path);
    } else {
      const auto loaded = pool->Load(name, {"cpu"});
      if (!loaded.ok()) {
        std::fprintf(stderr, "%s\n", loaded.status().ToString().c_str());
        return 1;
      }
    }
    const double ms =
        std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
    rounds += (i == 0 ? "" : ",") + std::to_string(ms);
    if (pool != nullptr && !pool->Unload(name).ok()) return 1;
  }
  std::printf(
      "{\"ms\":[%s],\"before_mib\":%.1f,\"peak_mib\":%.1f,\"file_mib\":%.1f}\n",
      rounds.c_str(), before_mb, Status("VmHWM:"), weights_mb);
  return 0;
}
