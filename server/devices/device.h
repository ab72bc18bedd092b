// A Device is somewhere weights are held and models run: the host's processor,
// a simulated accelerator, or a GPU.
//
// The rooms above hold memory only through this interface and move bytes only
// through CopyIn and CopyOut, so one mover serves every kind of device. A
// pointer that Allocate gave is an address on the device: the host must not
// touch it, except on the kind kCpu.
//
// Owns:     the memory it hands out, until Free().
// Threads:  thread-safe. CopyIn, CopyOut and AddTo block the caller until the
//           bytes are there; several may run at once.
// Units:    bytes; bytes per second.
// Fails:    RESOURCE_EXHAUSTED when there is no memory left;
//           INVALID_ARGUMENT when no memory (0 bytes) is asked for;
//           INTERNAL when the device itself failed; after that every call
//           fails and Health() says why.

#ifndef SERVER_DEVICES_DEVICE_H_
#define SERVER_DEVICES_DEVICE_H_

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "server/base/hash.h"

namespace ferry {

enum class DeviceKind { kCpu, kSim, kCuda };

// Names a device as PyTorch does: "cpu", "sim:0", "cuda:1".
struct DeviceId {
  static constexpr int kIndexEnd = 64;

  DeviceKind kind = DeviceKind::kCpu;
  int index = 0;  // 0 for the cpu.

  // INVALID_ARGUMENT unless `text` is "cpu", "sim:N" or "cuda:N", N below
  // kIndexEnd and without leading zeros.
  static absl::StatusOr<DeviceId> Parse(std::string_view text);
  std::string ToString() const;

  auto operator<=>(const DeviceId&) const = default;
};

inline constexpr DeviceId kCpu{DeviceKind::kCpu, 0};

class Device {
 public:
  static constexpr uint64_t kAlignmentBytes = 4096;

  virtual ~Device() = default;

  virtual DeviceId id() const = 0;
  std::string name() const { return id().ToString(); }

  // What the weights of all models on this device may take together.
  virtual uint64_t capacity_bytes() const = 0;

  // Returns memory aligned to at least kAlignmentBytes. What it holds is not
  // defined. On kCpu and kSim it costs nothing until it is touched.
  virtual absl::StatusOr<std::byte*> Allocate(uint64_t size_bytes) = 0;

  // `memory` came from Allocate() on this device and nothing uses it any more.
  // Works on a failed device too.
  virtual void Free(std::byte* memory) = 0;

  // The content of a part of an allocation is no longer needed: its pages may
  // go back to the system. The range stays allocated; its content is lost. Not
  // for host memory that is registered with a device: unregister it first.
  virtual void Discard(std::byte* memory, uint64_t size_bytes) = 0;

  // Host to device and device to host.
  virtual absl::Status CopyIn(std::byte* to,
                              std::span<const std::byte> from_host) = 0;
  virtual absl::Status CopyOut(std::span<std::byte> to_host,
                               const std::byte* from) = 0;

  // Adds memory of this device to `hash`, reading the bytes where they lie.
  // After an error `hash` may hold some of them.
  virtual absl::Status AddTo(Hash& hash, const std::byte* from,
                             uint64_t size_bytes) = 0;
  // The hash of memory of this device.
  absl::StatusOr<uint64_t> HashOf(const std::byte* from, uint64_t size_bytes);

  // OK, or the error that ended this device.
  virtual absl::Status Health() const = 0;

  // Makes host memory that this device will copy from often fast to copy from
  // (page-locked for a GPU). A no-op where it does not matter. The range stays
  // mapped until UnregisterHost.
  virtual absl::Status RegisterHost(std::span<std::byte> host) = 0;
  virtual void UnregisterHost(std::span<std::byte> host) = 0;
};

}  // namespace ferry

#endif  // SERVER_DEVICES_DEVICE_H_
