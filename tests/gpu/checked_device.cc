#include "tests/gpu/checked_device.h"

#include <cstdio>
#include <cstdlib>

#include "server/base/invariant.h"

namespace ferry {

DeviceId CheckedDevice() {
  const char* const named = std::getenv("GPU_CHECK_DEVICE");
  const auto id = DeviceId::Parse(named != nullptr ? named : "cuda:0");
  INVARIANT(id.ok() && id->kind != DeviceKind::kCpu);
  return *id;
}

std::unique_ptr<DevicePool> OpenChecked(uint64_t capacity_bytes) {
  auto pool = DevicePool::Create(
      {{.id = {DeviceKind::kCpu, 0}, .capacity_bytes = 4096},
       {.id = CheckedDevice(), .capacity_bytes = capacity_bytes}});
  if (!pool.ok()) {
    std::fprintf(stderr, "gpu_check: %s\n", pool.status().ToString().c_str());
    std::exit(1);
  }
  return *std::move(pool);
}

void Report(const std::string& line) {
  std::printf("gpu_check: %s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace ferry
