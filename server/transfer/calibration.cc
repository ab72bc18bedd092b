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

// A copy that takes this long is large enough; larger ones would only make a
// slow link's owner wait for the start.
constexpr double kCopySecondsEnough = 0.05;
constexpr int kSlowCopies = 2;

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

// The best rate of a few copies of `size_max_bytes`, or of the first two that
// take long: one may only have been interrupted. Smaller ones lead up to it,
// and warm what they touch; their rates do not count, since a processor's cache
// is faster than any link.
template <typename Copy>
absl::StatusOr<double> BestRate(uint64_t size_max_bytes, const Copy& copy) {
  double best = 0;
  int slow = 0;
  uint64_t size_bytes = std::min(kProbeMinBytes, size_max_bytes);
  for (int largest = 0; largest < kCopies && slow < kSlowCopies;) {
    const Stopwatch watch;
    RETURN_IF_ERROR(copy(size_bytes));
    const double seconds =
        std::max(1e-9, absl::ToDoubleSeconds(watch.Elapsed()));
    const double rate = static_cast<double>(size_bytes) / seconds;
    if (size_bytes == size_max_bytes) {
      best = std::max(best, rate);
      ++largest;
    } else if (seconds >= kCopySecondsEnough) {
      best = std::max(best, rate);
      ++slow;
      continue;
    }
    size_bytes = std::min(2 * size_bytes, size_max_bytes);
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
    // As moves do. If it cannot be, theirs cannot either.
    (void)probe->host.lease().RegisterWith(*device);
    const uint64_t size_bytes = probe->host.size_bytes();
    const std::span here(probe->host.data(), size_bytes);
    std::byte* const there = probe->device.data();

    ASSIGN_OR_RETURN(const double in, BestRate(size_bytes, [&](uint64_t bytes) {
                       return device->CopyIn(there, here.first(bytes));
                     }));
    calibration.links_[{host, id}] = in;
    if (id == host) continue;
    ASSIGN_OR_RETURN(const double out,
                     BestRate(size_bytes, [&](uint64_t bytes) {
                       return device->CopyOut(here.first(bytes), there);
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
