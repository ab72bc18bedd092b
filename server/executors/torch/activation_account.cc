#include "server/executors/torch/activation_account.h"

namespace ferry {
namespace {

thread_local ActivationAccount* current_account = nullptr;

}  // namespace

void ActivationAccount::Add(uint64_t size_bytes) {
  const uint64_t now = used_bytes_ += size_bytes;
  uint64_t peak = peak_bytes_;
  while (now > peak && !peak_bytes_.compare_exchange_weak(peak, now)) {
  }
}

void ActivationAccount::Remove(uint64_t size_bytes) {
  used_bytes_ -= size_bytes;
}

ActivationScope::ActivationScope(
    const c10::intrusive_ptr<ActivationAccount>& account)
    : former_(current_account) {
  current_account = account.get();
}

ActivationScope::~ActivationScope() { current_account = former_; }

ActivationAccount* ActivationScope::account() { return current_account; }

}  // namespace ferry
