#include "server/executors/torch/stop_scope.h"

#include <stdexcept>
#include <utility>

#include <torch/library.h>

#include "server/base/clock.h"

namespace ferry {

namespace {

// The dispatcher has two keys for modes of others; nobody else uses this one.
constexpr c10::DispatchKey kMode = c10::DispatchKey::TESTING_ONLY_GenericMode;

thread_local const StopScope* current_scope = nullptr;

// Operators that others call come by here as well.
void AskAndGoOn(const c10::OperatorHandle& op, c10::DispatchKeySet keys,
                torch::jit::Stack* stack) {
  ThrowIfStopped();
  const c10::DispatchKeySet below(c10::DispatchKeySet::FULL_AFTER, kMode);
  op.redispatchBoxed(keys & below, stack);
}

}  // namespace

StopScope::StopScope(std::stop_token stop, absl::Duration limit)
    : stop_(std::move(stop)),
      until_(MonotonicNow() + limit),
      former_(current_scope) {
  current_scope = this;
}

StopScope::~StopScope() { current_scope = former_; }

bool StopScope::stopped() const {
  return stop_.stop_requested() ||
         (until_ != absl::InfiniteDuration() && MonotonicNow() >= until_);
}

void ThrowIfStopped() {
  if (current_scope != nullptr && current_scope->stopped()) {
    throw std::runtime_error("stopped");
  }
}

OperatorStops::OperatorStops() : mode_(kMode) {
  // For the life of the process, as LibTorch has it.
  static const torch::Library library = [] {
    torch::Library made(torch::Library::IMPL, "_", kMode, __FILE__, __LINE__);
    made.fallback(torch::CppFunction::makeFromBoxedFunction<&AskAndGoOn>());
    return made;
  }();
}

}  // namespace ferry
