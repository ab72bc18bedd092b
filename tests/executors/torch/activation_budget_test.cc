// The default limit of activations, for machines and devices of given sizes.

#include "server/executors/torch/activation_budget.h"

#include <memory>

#include <gtest/gtest.h>

#include "server/devices/cpu_device.h"
#include "server/devices/sim_device.h"
#include "tests/support/status_matchers.h"

namespace ferry::activation_budget_test {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

// Only its size is asked for.
class Gpu final : public Device {
 public:
  DeviceId id() const override { return {.kind = DeviceKind::kCuda}; }
  uint64_t capacity_bytes() const override { return 80 * kGiB; }
  absl::StatusOr<std::byte*> Allocate(uint64_t) override { return nullptr; }
  void Free(std::byte*) override {}
  void Discard(std::byte*, uint64_t) override {}
  absl::Status CopyIn(std::byte*, std::span<const std::byte>) override {
    return absl::OkStatus();
  }
  absl::Status CopyOut(std::span<std::byte>, const std::byte*) override {
    return absl::OkStatus();
  }
  absl::Status AddTo(Hash&, const std::byte*, uint64_t) override {
    return absl::OkStatus();
  }
  absl::Status Health() const override { return absl::OkStatus(); }
  absl::Status RegisterHost(std::span<std::byte>) override {
    return absl::OkStatus();
  }
  void UnregisterHost(std::span<std::byte>) override {}
};

TEST(DefaultActivationLimitTest, IsThreeQuartersOfWhatTheWeightsLeave) {
  CpuDevice cpu(8 * kGiB);
  EXPECT_EQ(*DefaultActivationLimit(16 * kGiB, {&cpu}), 6 * kGiB);
  // Whose memory is its own.
  Gpu gpu;
  EXPECT_EQ(*DefaultActivationLimit(16 * kGiB, {&cpu, &gpu}), 6 * kGiB);
  // Whose activations are in host memory too.
  const auto sim = *SimDevice::Create({.capacity_bytes = kGiB});
  EXPECT_EQ(*DefaultActivationLimit(16 * kGiB, {&cpu, sim.get()}),
            (16 - 8 - 1 - 1) * kGiB / 4 * 3);
}

TEST(DefaultActivationLimitTest, IsASixteenthWhereTheWeightsLeaveLess) {
  CpuDevice cpu(16 * kGiB);
  EXPECT_EQ(*DefaultActivationLimit(16 * kGiB, {&cpu}), kGiB);
  CpuDevice more(64 * kGiB);
  EXPECT_EQ(*DefaultActivationLimit(16 * kGiB, {&more}), kGiB);
}

TEST(DefaultActivationLimitTest, WantsToKnowHowMuchMemoryThereIs) {
  EXPECT_THAT(DefaultActivationLimit(0, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace ferry::activation_budget_test
