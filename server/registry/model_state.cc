#include "server/registry/model_state.h"

#include <array>

namespace ferry {

std::string_view StateName(ModelState state) {
  static constexpr std::array<std::string_view, 6> kNames = {
      "COLD", "LOADING", "SERVING", "PARKED", "MIGRATING", "LEAVING"};
  return kNames[static_cast<size_t>(state)];
}

std::string_view StepName(MoveStep step) {
  static constexpr std::array<std::string_view, kMoveSteps> kNames = {
      "decide", "queue", "copy", "verify", "warmup", "switch", "drain"};
  return kNames[static_cast<size_t>(step)];
}

ModelState DeriveState(const ModelFacts& facts) {
  if (facts.leaving) return ModelState::kLeaving;
  if (facts.serves) {
    return facts.moving ? ModelState::kMigrating : ModelState::kServing;
  }
  if (facts.moving) return ModelState::kLoading;
  return facts.in_host_memory ? ModelState::kParked : ModelState::kCold;
}

}  // namespace ferry
