// A CopyLane carries bytes between the host and one GPU: a stream of its own
// and two page-locked buffers.
//
// Registered host memory is copied as it is, at the rate of the bus. Other
// memory goes through the buffers in turn: the processor fills or empties one
// while the GPU works on the other.
//
// Owns:     its stream, events and buffers.
// Threads:  one thread at a time; the GPU is current in the calling thread.
// Units:    bytes.
// Fails:    with the CUDA runtime's own code; nothing is under way any more
//           when a method returns.
// Limits:   kStagingBytes a buffer.

#ifndef SERVER_DEVICES_CUDA_COPY_LANE_H_
#define SERVER_DEVICES_CUDA_COPY_LANE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cuda_runtime_api.h>
#include <functional>
#include <memory>
#include <span>

#include "server/devices/host_ranges.h"

namespace ferry {

class CopyLane {
 public:
  static constexpr uint64_t kStagingBytes = uint64_t{2} << 20;

  // Gets the bytes in order, a piece at a time.
  using Sink = std::function<void(std::span<const std::byte>)>;

  // Null when CUDA refuses, which `error` then says.
  static std::unique_ptr<CopyLane> Create(cudaError_t& error);
  ~CopyLane();

  CopyLane(const CopyLane&) = delete;
  CopyLane& operator=(const CopyLane&) = delete;

  cudaError_t CopyIn(std::byte* to, std::span<const std::byte> from_host,
                     const HostRanges& registered);
  cudaError_t CopyOut(std::span<std::byte> to_host, const std::byte* from,
                      const HostRanges& registered);

  // Reads device memory through the buffers.
  cudaError_t Read(const std::byte* from, uint64_t size_bytes,
                   const Sink& sink);

  // Whether the context still works: cudaSuccess, or how it ended.
  cudaError_t Probe() const;

 private:
  struct Buffer {
    std::byte* data = nullptr;
    cudaEvent_t done = nullptr;  // Recorded behind the copy from or to it.
  };

  CopyLane() = default;

  cudaError_t Open();
  cudaError_t CopyInStaged(std::byte* to, std::span<const std::byte> from_host);
  // Enqueues a copy and marks its end in `buffer`.
  cudaError_t Enqueue(void* to, const void* from, uint64_t size_bytes,
                      cudaMemcpyKind kind, Buffer& buffer);
  // Waits for everything under way; `error` wins over what the wait answers.
  cudaError_t Finish(cudaError_t error);

  cudaStream_t stream_ = nullptr;
  cudaEvent_t end_ = nullptr;
  std::array<Buffer, 2> buffers_;
};

}  // namespace ferry

#endif  // SERVER_DEVICES_CUDA_COPY_LANE_H_
