#include "server/registry/run_estimate.h"

#include <algorithm>

namespace ferry {

void RunEstimate::Add(absl::Duration run) {
  constexpr double kShare = 0.05;
  const double before = seconds_;
  const double seconds = absl::ToDoubleSeconds(std::min(run, kCountedMax));
  seconds_ = before == kNone ? seconds : before + kShare * (seconds - before);
}

}  // namespace ferry
