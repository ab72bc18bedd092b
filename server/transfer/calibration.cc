#include "server/transfer/calibration.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>

#include "absl/status/status.h"

#include "server/base/clock.h"
#include "server/base/status_macros.h"
#include "server/weights/weight_set.h"

namespace ferry {
namespace {

constexpr int kCopies = 3;

// Less would measure calls rather than the link.
constexpr uint64_t kProbeMinBytes = uint64_t{256} << 10;

struct Probe {
  WeightSet host;
  WeightSet device;
};

// The largest probe that there is room for, if any.
std::optional<Probe> TakeProbe(WeightStore& store, DeviceId device) {
  for (uint64_t size_bytes = Calibration::kProbeBytes;
       size_bytes >= kProbeMinBytes; size_bytes /= 2) {
    absl::StatusOr<WeightSet> host = store.Take(DeviceId(), size_bytes);
    if (!host.ok()) continue;
    absl::StatusOr<WeightSet> there = store.Take(device, size_bytes);
    if (!there.ok()) continue;
    // Pages that were never written cost faults, or are all one zero page.
    std::memset(host->data(), 1, size_bytes);
    return Probe{.host = *std::move(host), .device = *std::move(there)};
  }
  return std::nullopt;
}

// The best rate of a few copies; the first one also warms what it touches.
template <typename Copy>
absl::StatusOr<double> BestRate(uint64_t size_bytes, const Copy& copy) {
  double best = 0;
  for (int i = 0; i < kCopies; ++i) {
    const Stopwatch watch;
    RETURN_IF_ERROR(copy());
    const double seconds =
        std::max(1e-9, absl::ToDoubleSeconds(watch.Elapsed()));
    best = std::max(best, static_cast<double>(size_bytes) / seconds);
  }
  return best;
}

}  // namespace

absl::StatusOr<Calibration> Calibration::Measure(DevicePool& devices,
                                                 WeightStore& store) {
  Calibration calibration;
  const DeviceId host = devices.cpu().id();
  for (Device* device : devices.devices()) {
    const DeviceId id = device->id();
    const std::optional<Probe> probe = TakeProbe(store, id);
    if (!probe) continue;
    const uint64_t size_bytes = probe->host.size_bytes();
    const std::span here(probe->host.data(), size_bytes);
    std::byte* const there = probe->device.data();

    ASSIGN_OR_RETURN(const double in, BestRate(size_bytes, [&] {
                       return device->CopyIn(there, here);
                     }));
    calibration.links_[{host, id}] = in;
    if (id == host) continue;
    ASSIGN_OR_RETURN(const double out, BestRate(size_bytes, [&] {
                       return device->CopyOut(here, there);
                     }));
    calibration.links_[{id, host}] = out;
  }
  return calibration;
}

double Calibration::bytes_per_second(DeviceId from, DeviceId to) const {
  const auto link = links_.find({from, to});
  return link == links_.end() ? 0 : link->second;
}

}  // namespace ferry
