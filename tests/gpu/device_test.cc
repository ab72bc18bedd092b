// DeviceSuite on the real device.

#include "tests/devices/device_suite.h"
#include "tests/gpu/checked_device.h"

namespace ferry::device_test {
namespace {

// A Device of a pool, which it keeps.
class Pooled final : public Device {
 public:
  explicit Pooled(std::unique_ptr<DevicePool> pool)
      : pool_(std::move(pool)), device_(*pool_->devices().back()) {}

  DeviceId id() const override { return device_.id(); }
  uint64_t capacity_bytes() const override { return device_.capacity_bytes(); }
  absl::StatusOr<std::byte*> Allocate(uint64_t size_bytes) override {
    return device_.Allocate(size_bytes);
  }
  void Free(std::byte* memory) override { device_.Free(memory); }
  void Discard(std::byte* memory, uint64_t size_bytes) override {
    device_.Discard(memory, size_bytes);
  }
  absl::Status CopyIn(std::byte* to,
                      std::span<const std::byte> from_host) override {
    return device_.CopyIn(to, from_host);
  }
  absl::Status CopyOut(std::span<std::byte> to_host,
                       const std::byte* from) override {
    return device_.CopyOut(to_host, from);
  }
  absl::Status AddTo(Hash& hash, const std::byte* from,
                     uint64_t size_bytes) override {
    return device_.AddTo(hash, from, size_bytes);
  }
  absl::Status Health() const override { return device_.Health(); }
  absl::Status RegisterHost(std::span<std::byte> host) override {
    return device_.RegisterHost(host);
  }
  void UnregisterHost(std::span<std::byte> host) override {
    device_.UnregisterHost(host);
  }

 private:
  const std::unique_ptr<DevicePool> pool_;
  Device& device_;
};

std::unique_ptr<Device> MakeChecked(uint64_t capacity_bytes) {
  return std::make_unique<Pooled>(OpenChecked(capacity_bytes));
}

INSTANTIATE_TEST_SUITE_P(Checked, DeviceSuite, testing::Values(MakeChecked));

}  // namespace
}  // namespace ferry::device_test
