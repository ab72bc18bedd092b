#include "server/executors/sim/sim_table.h"

#include <array>
#include <atomic>
#include <string>

#include <c10/util/Exception.h>

#include "server/base/invariant.h"

namespace ferry {

namespace {

// Zero at load and never destroyed: LibTorch may ask at any time.
std::array<std::atomic<SimDevice*>, kSimIndexMax + 1> table;
std::atomic<int> count{0};

thread_local int current_index = 0;

}  // namespace

void SetSimDevice(int index, SimDevice* device) {
  INVARIANT(index >= 0 && index <= kSimIndexMax);
  table[static_cast<size_t>(index)].store(device, std::memory_order_release);
  int above = kSimIndexMax + 1;
  while (above > 0 && table[static_cast<size_t>(above - 1)].load() == nullptr) {
    --above;
  }
  count.store(above, std::memory_order_release);
}

int SimDeviceCount() { return count.load(std::memory_order_acquire); }

SimDevice& SimDeviceAt(int index) {
  SimDevice* device = nullptr;
  if (index >= 0 && index <= kSimIndexMax) {
    device = table[static_cast<size_t>(index)].load(std::memory_order_acquire);
  }
  TORCH_CHECK(device != nullptr, "there is no device sim:", index);
  return *device;
}

SimDevice* SimDeviceHolding(const void* address) {
  const int devices = SimDeviceCount();
  for (int i = 0; i < devices; ++i) {
    SimDevice* device =
        table[static_cast<size_t>(i)].load(std::memory_order_acquire);
    if (device != nullptr && device->Holds(address)) return device;
  }
  return nullptr;
}

int CurrentSimDevice() { return current_index; }

void SetCurrentSimDevice(int index) { current_index = index; }

c10::DataPtr AllocateOnSim(int index, size_t size_bytes) {
  SimDevice& device = SimDeviceAt(index);
  const absl::StatusOr<std::byte*> memory = device.AllocateScratch(size_bytes);
  if (!memory.ok()) {
    const std::string why(memory.status().message());
    TORCH_CHECK_WITH(
        OutOfMemoryError,
        memory.status().code() != absl::StatusCode::kResourceExhausted, why);
    TORCH_CHECK(false, why);
  }
  return {*memory, *memory, &FreeOnSim,
          c10::Device(c10::kPrivateUse1, static_cast<c10::DeviceIndex>(index))};
}

void FreeOnSim(void* memory) {
  if (memory == nullptr) return;
  SimDevice* device = SimDeviceHolding(memory);
  INVARIANT(device != nullptr);
  device->FreeScratch(static_cast<std::byte*>(memory));
}

}  // namespace ferry
