#include "server/devices/cuda/copy_lane.h"

#include <algorithm>
#include <cstring>

#include "absl/memory/memory.h"

// For functions that answer a cudaError_t: passes an error to the caller.
#define RETURN_IF_CUDA_ERROR(expression)                                  \
  do {                                                                    \
    if (const cudaError_t error_ = (expression); error_ != cudaSuccess) { \
      return error_;                                                      \
    }                                                                     \
  } while (false)

namespace ferry {
namespace {

// The waiting thread sleeps: it is a worker among few processors.
constexpr unsigned kEventFlags = cudaEventDisableTiming | cudaEventBlockingSync;

}  // namespace

std::unique_ptr<CopyLane> CopyLane::Create(cudaError_t& error) {
  auto lane = absl::WrapUnique(new CopyLane());
  error = lane->Open();
  return error == cudaSuccess ? std::move(lane) : nullptr;
}

cudaError_t CopyLane::Open() {
  // Not ordered behind the legacy default stream, where forwards may run.
  RETURN_IF_CUDA_ERROR(
      ::cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking));
  RETURN_IF_CUDA_ERROR(::cudaEventCreateWithFlags(&end_, kEventFlags));
  for (Buffer& buffer : buffers_) {
    void* memory = nullptr;
    RETURN_IF_CUDA_ERROR(
        ::cudaHostAlloc(&memory, kStagingBytes, cudaHostAllocDefault));
    buffer.data = static_cast<std::byte*>(memory);
    RETURN_IF_CUDA_ERROR(::cudaEventCreateWithFlags(&buffer.done, kEventFlags));
  }
  return cudaSuccess;
}

// Errors here mean a context that has ended: it took everything with it.
CopyLane::~CopyLane() {
  for (const Buffer& buffer : buffers_) {
    if (buffer.done != nullptr) ::cudaEventDestroy(buffer.done);
    if (buffer.data != nullptr) ::cudaFreeHost(buffer.data);
  }
  if (end_ != nullptr) ::cudaEventDestroy(end_);
  if (stream_ != nullptr) ::cudaStreamDestroy(stream_);
}

cudaError_t CopyLane::CopyIn(std::byte* to,
                             std::span<const std::byte> from_host,
                             const HostRanges& registered) {
  cudaError_t error = cudaSuccess;
  while (error == cudaSuccess && !from_host.empty()) {
    const HostRanges::Run run = registered.FirstRun(from_host);
    const auto part = from_host.first(run.size_bytes);
    error = run.registered ? ::cudaMemcpyAsync(to, part.data(), part.size(),
                                               cudaMemcpyHostToDevice, stream_)
                           : CopyInStaged(to, part);
    to += part.size();
    from_host = from_host.subspan(part.size());
  }
  return Finish(error);
}

cudaError_t CopyLane::CopyInStaged(std::byte* to,
                                   std::span<const std::byte> from_host) {
  for (size_t turn = 0; !from_host.empty(); turn = 1 - turn) {
    Buffer& buffer = buffers_[turn];
    const auto part =
        from_host.first(std::min<size_t>(from_host.size(), kStagingBytes));
    RETURN_IF_CUDA_ERROR(::cudaEventSynchronize(buffer.done));
    std::memcpy(buffer.data, part.data(), part.size());
    RETURN_IF_CUDA_ERROR(
        Enqueue(to, buffer.data, part.size(), cudaMemcpyHostToDevice, buffer));
    to += part.size();
    from_host = from_host.subspan(part.size());
  }
  return cudaSuccess;
}

cudaError_t CopyLane::CopyOut(std::span<std::byte> to_host,
                              const std::byte* from,
                              const HostRanges& registered) {
  cudaError_t error = cudaSuccess;
  while (error == cudaSuccess && !to_host.empty()) {
    const HostRanges::Run run = registered.FirstRun(to_host);
    if (run.registered) {
      error = ::cudaMemcpyAsync(to_host.data(), from, run.size_bytes,
                                cudaMemcpyDeviceToHost, stream_);
    } else {
      std::byte* to = to_host.data();
      error = Read(from, run.size_bytes, [&to](std::span<const std::byte> got) {
        std::memcpy(to, got.data(), got.size());
        to += got.size();
      });
    }
    from += run.size_bytes;
    to_host = to_host.subspan(run.size_bytes);
  }
  return Finish(error);
}

cudaError_t CopyLane::Read(const std::byte* from, uint64_t size_bytes,
                           const Sink& sink) {
  // What was enqueued and not yet given to the sink: at most one a buffer.
  uint64_t asked_bytes = 0;
  uint64_t given_bytes = 0;
  const auto size_at = [size_bytes](uint64_t offset) {
    return std::min(kStagingBytes, size_bytes - offset);
  };
  const auto buffer_at = [this](uint64_t offset) -> Buffer& {
    return buffers_[offset / kStagingBytes % buffers_.size()];
  };
  while (given_bytes < size_bytes) {
    while (asked_bytes < size_bytes &&
           asked_bytes - given_bytes < buffers_.size() * kStagingBytes) {
      Buffer& buffer = buffer_at(asked_bytes);
      if (const cudaError_t error =
              Enqueue(buffer.data, from + asked_bytes, size_at(asked_bytes),
                      cudaMemcpyDeviceToHost, buffer);
          error != cudaSuccess) {
        return Finish(error);
      }
      asked_bytes += size_at(asked_bytes);
    }
    Buffer& buffer = buffer_at(given_bytes);
    if (const cudaError_t error = ::cudaEventSynchronize(buffer.done);
        error != cudaSuccess) {
      return Finish(error);
    }
    sink({buffer.data, size_at(given_bytes)});
    given_bytes += size_at(given_bytes);
  }
  return cudaSuccess;
}

cudaError_t CopyLane::Enqueue(void* to, const void* from, uint64_t size_bytes,
                              cudaMemcpyKind kind, Buffer& buffer) {
  RETURN_IF_CUDA_ERROR(::cudaMemcpyAsync(to, from, size_bytes, kind, stream_));
  return ::cudaEventRecord(buffer.done, stream_);
}

cudaError_t CopyLane::Finish(cudaError_t error) {
  if (error == cudaSuccess) error = ::cudaEventRecord(end_, stream_);
  if (error == cudaSuccess) return ::cudaEventSynchronize(end_);
  ::cudaStreamSynchronize(stream_);
  return error;
}

cudaError_t CopyLane::Probe() const {
  const cudaError_t error = ::cudaStreamQuery(stream_);
  return error == cudaErrorNotReady ? cudaSuccess : error;
}

}  // namespace ferry
