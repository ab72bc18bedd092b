#include "tests/devices/cuda/fake_cuda.h"

#include <cstddef>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <c10/cuda/CUDAFunctions.h>

#include "server/base/invariant.h"
#include "server/base/mutex.h"
#include "server/devices/pages.h"
#include "server/devices/sim_memory.h"

// What the opaque handles of the runtime point at here.
struct CUstream_st {
  struct Copy {
    std::byte* to;
    const std::byte* from;
    uint64_t size_bytes;
  };
  int device = 0;
  uint64_t done = 0;  // How many copies were carried out.
  std::deque<Copy> waiting = {};

  void RunUntil(uint64_t count) {
    while (done < count) {
      std::memcpy(waiting.front().to, waiting.front().from,
                  waiting.front().size_bytes);
      waiting.pop_front();
      ++done;
    }
  }
};
struct CUevent_st {
  CUstream_st* stream = nullptr;  // Null until recorded.
  uint64_t at = 0;
};

namespace ferry {
namespace {

struct HostRange {
  uint64_t size_bytes;
  bool registered;  // Or allocated.
  std::unique_ptr<Pages> pages;
};

struct Runtime {
  FakeCuda::Options options;
  std::vector<std::unique_ptr<SimMemory>> memories;
  std::set<int> contexts;
  std::set<int> ended;
  std::map<std::byte*, HostRange> host;
  cudaError_t next_copy = cudaSuccess;
  uint64_t copies = 0;
  int streams = 0;
};

Mutex mutex;
std::unique_ptr<Runtime> runtime;
thread_local int current_device = 0;

// What every call begins with: the device gets a context, unless it ended.
cudaError_t Touch(int device) {
  if (!runtime->options.driver) return cudaErrorInsufficientDriver;
  runtime->contexts.insert(device);
  return runtime->ended.contains(device) ? cudaErrorIllegalAddress
                                         : cudaSuccess;
}

uint64_t PageLockedBytes() {
  uint64_t sum = 0;
  for (const auto& [data, range] : runtime->host) sum += range.size_bytes;
  return sum;
}

// Where an end of a copy is. Host memory must be page-locked, in one piece.
std::byte* Resolve(const void* address, uint64_t size_bytes) {
  auto* const byte = static_cast<std::byte*>(const_cast<void*>(address));
  for (const auto& memory : runtime->memories) {
    if (memory->Holds(byte)) return memory->Window(byte, size_bytes);
  }
  const auto next = runtime->host.upper_bound(byte);
  INVARIANT(next != runtime->host.begin());
  const auto& [start, range] = *std::prev(next);
  const auto inside = static_cast<uint64_t>(byte - start);
  INVARIANT(inside < range.size_bytes &&
            size_bytes <= range.size_bytes - inside);
  return byte;
}

}  // namespace

void FakeCuda::Start(const Options& options) {
  MutexLock lock(mutex);
  runtime = std::make_unique<Runtime>();
  runtime->options = options;
  current_device = 0;
  for (int i = 0; i < options.devices; ++i) {
    runtime->memories.push_back(
        *SimMemory::Create("fake", options.memory_bytes, 0));
  }
}
void FakeCuda::End(int device) {
  MutexLock lock(mutex);
  runtime->ended.insert(device);
}
void FakeCuda::FailNextCopy(cudaError_t error) {
  MutexLock lock(mutex);
  runtime->next_copy = error;
}
std::set<int> FakeCuda::contexts() {
  MutexLock lock(mutex);
  return runtime->contexts;
}
uint64_t FakeCuda::page_locked_bytes() {
  MutexLock lock(mutex);
  return PageLockedBytes();
}
uint64_t FakeCuda::registered_ranges() {
  MutexLock lock(mutex);
  uint64_t count = 0;
  for (const auto& [data, range] : runtime->host) count += range.registered;
  return count;
}
uint64_t FakeCuda::copies() {
  MutexLock lock(mutex);
  return runtime->copies;
}
int FakeCuda::streams() {
  MutexLock lock(mutex);
  return runtime->streams;
}
uint64_t FakeCuda::used_bytes() {
  MutexLock lock(mutex);
  uint64_t sum = 0;
  for (const auto& memory : runtime->memories) {
    sum += memory->usage().weights.used_bytes;
  }
  return sum;
}

}  // namespace ferry

// ---------------------------------------------------------------- the runtime

using ferry::current_device;
using ferry::mutex;
using ferry::MutexLock;
using ferry::runtime;

bool c10::cuda::hasPrimaryContext(c10::DeviceIndex index) {
  MutexLock lock(mutex);
  return runtime->contexts.contains(index);
}

extern "C" {

const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaSuccess ? "no error" : "an error of the fake runtime";
}
const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorIllegalAddress ? "cudaErrorIllegalAddress"
                                          : "cudaError";
}
cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaGetDeviceCount(int* count) {
  MutexLock lock(mutex);
  *count = runtime->options.devices;
  return runtime->options.driver ? cudaSuccess : cudaErrorInsufficientDriver;
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  MutexLock lock(mutex);
  current_device = device;
  return ferry::Touch(device);
}
cudaError_t cudaMemGetInfo(size_t* free_bytes, size_t* total_bytes) {
  MutexLock lock(mutex);
  const auto usage =
      runtime->memories.at(static_cast<size_t>(current_device))->usage();
  *total_bytes = usage.weights.capacity_bytes;
  *free_bytes = usage.weights.capacity_bytes - usage.weights.used_bytes;
  return ferry::Touch(current_device);
}

cudaError_t cudaMalloc(void** memory, size_t size_bytes) {
  MutexLock lock(mutex);
  if (const cudaError_t error = ferry::Touch(current_device);
      error != cudaSuccess) {
    return error;
  }
  const auto taken = runtime->memories.at(static_cast<size_t>(current_device))
                         ->Take(ferry::SimMemory::Range::kWeights, size_bytes);
  if (!taken.ok()) return cudaErrorMemoryAllocation;
  *memory = *taken;
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  MutexLock lock(mutex);
  for (const auto& device : runtime->memories) {
    if (device->Holds(memory)) {
      device->Give(ferry::SimMemory::Range::kWeights,
                   static_cast<std::byte*>(memory));
      return ferry::Touch(current_device);
    }
  }
  return cudaErrorInvalidValue;
}

cudaError_t cudaHostAlloc(void** memory, size_t size_bytes, unsigned) {
  auto pages = ferry::Pages::Map(size_bytes, ferry::Pages::Access::kReadWrite);
  MutexLock lock(mutex);
  auto owned = std::make_unique<ferry::Pages>(*std::move(pages));
  std::byte* const data = owned->data();
  *memory = data;
  runtime->host[data] = {size_bytes, false, std::move(owned)};
  return ferry::Touch(current_device);
}
cudaError_t cudaFreeHost(void* memory) {
  MutexLock lock(mutex);
  INVARIANT(runtime->host.erase(static_cast<std::byte*>(memory)) == 1);
  return ferry::Touch(current_device);
}
cudaError_t cudaHostRegister(void* memory, size_t size_bytes, unsigned flags) {
  MutexLock lock(mutex);
  INVARIANT(flags == cudaHostRegisterPortable);
  if (runtime->host.contains(static_cast<std::byte*>(memory))) {
    return cudaErrorHostMemoryAlreadyRegistered;
  }
  if (ferry::PageLockedBytes() + size_bytes >
      runtime->options.page_lock_bytes_max) {
    return cudaErrorMemoryAllocation;
  }
  runtime->host[static_cast<std::byte*>(memory)] = {size_bytes, true, nullptr};
  return ferry::Touch(current_device);
}
cudaError_t cudaHostUnregister(void* memory) {
  MutexLock lock(mutex);
  const auto range = runtime->host.find(static_cast<std::byte*>(memory));
  INVARIANT(range != runtime->host.end() && range->second.registered);
  runtime->host.erase(range);
  return ferry::Touch(current_device);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  MutexLock lock(mutex);
  INVARIANT(flags == cudaStreamNonBlocking);
  *stream = new CUstream_st{.device = current_device};
  ++runtime->streams;
  return ferry::Touch(current_device);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  MutexLock lock(mutex);
  INVARIANT(stream->waiting.empty() || runtime->ended.contains(stream->device));
  delete stream;
  --runtime->streams;
  return ferry::Touch(current_device);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  MutexLock lock(mutex);
  if (const cudaError_t error = ferry::Touch(stream->device);
      error != cudaSuccess) {
    return error;
  }
  return stream->waiting.empty() ? cudaSuccess : cudaErrorNotReady;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  MutexLock lock(mutex);
  stream->RunUntil(stream->done + stream->waiting.size());
  return ferry::Touch(stream->device);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  MutexLock lock(mutex);
  *event = new CUevent_st;
  return ferry::Touch(current_device);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  MutexLock lock(mutex);
  INVARIANT(stream->device == current_device);
  *event = {stream, stream->done + stream->waiting.size()};
  return ferry::Touch(stream->device);
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  MutexLock lock(mutex);
  if (event->stream == nullptr) return cudaSuccess;
  const cudaError_t error = ferry::Touch(event->stream->device);
  if (error == cudaSuccess) event->stream->RunUntil(event->at);
  return error;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size_bytes,
                            cudaMemcpyKind kind, cudaStream_t stream) {
  MutexLock lock(mutex);
  INVARIANT(stream->device == current_device);
  INVARIANT(kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToHost);
  if (const cudaError_t error = ferry::Touch(stream->device);
      error != cudaSuccess) {
    return error;
  }
  if (const cudaError_t error = std::exchange(runtime->next_copy, cudaSuccess);
      error != cudaSuccess) {
    return error;
  }
  stream->waiting.push_back({ferry::Resolve(to, size_bytes),
                             ferry::Resolve(from, size_bytes), size_bytes});
  ++runtime->copies;
  return cudaSuccess;
}

}  // extern "C"
