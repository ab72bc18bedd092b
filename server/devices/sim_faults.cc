#include "server/devices/sim_faults.h"

#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"

namespace ferry {
namespace {

// One operation of a fault has happened.
void CountDown(SimFault& fault) {
  if (fault.count != SimFault::kForever) --fault.count;
}

void EraseSpent(std::vector<SimFault>& faults) {
  std::erase_if(faults, [](const SimFault& fault) { return fault.count == 0; });
}

bool HitsCopies(const SimFault& fault) {
  return fault.kind != SimFault::Kind::kOutOfMemory &&
         fault.kind != SimFault::Kind::kAssert;
}

}  // namespace

void SimFaults::Inject(SimFault fault) {
  INVARIANT(fault.count > 0 || fault.count == SimFault::kForever);
  MutexLock lock(mutex_);
  faults_.push_back(fault);
}

void SimFaults::Clear() {
  MutexLock lock(mutex_);
  faults_.clear();
}

void SimFaults::AwaitStall() {
  MutexLock lock(mutex_);
  while (stalled_ == 0) changed_.Wait(mutex_);
}

void SimFaults::Release() {
  MutexLock lock(mutex_);
  ++releases_;
  changed_.NotifyAll();
}

bool SimFaults::OnAllocation() {
  MutexLock lock(mutex_);
  for (SimFault& fault : faults_) {
    if (fault.kind != SimFault::Kind::kOutOfMemory) continue;
    CountDown(fault);
    EraseSpent(faults_);
    return true;
  }
  return false;
}

void SimFaults::OnKernel() {
  MutexLock lock(mutex_);
  for (SimFault& fault : faults_) {
    if (fault.kind != SimFault::Kind::kAssert) continue;
    CountDown(fault);
    health_.Update(absl::InternalError(
        absl::StrCat(device_, ": a kernel asserted (injected)")));
  }
  EraseSpent(faults_);
}

SimFaults::Verdict SimFaults::OnCopy(uint64_t size_bytes) {
  MutexLock lock(mutex_);
  if (!health_.ok()) return {.status = health_};
  Verdict verdict{.status = absl::OkStatus(), .good_bytes = size_bytes};
  bool stall = false;
  for (SimFault& fault : faults_) {
    if (!HitsCopies(fault)) continue;
    if (fault.after_bytes >= size_bytes) {
      fault.after_bytes -= size_bytes;
      continue;
    }
    Apply(fault, verdict, stall);
    fault.after_bytes = 0;
    CountDown(fault);
  }
  EraseSpent(faults_);
  if (stall) {
    const uint64_t releases_before = releases_;
    ++stalled_;
    changed_.NotifyAll();
    while (releases_ == releases_before) changed_.Wait(mutex_);
    --stalled_;
    if (verdict.status.ok() && !health_.ok()) return {.status = health_};
  }
  return verdict;
}

void SimFaults::Apply(const SimFault& fault, Verdict& verdict, bool& stall) {
  switch (fault.kind) {
    case SimFault::Kind::kOutOfMemory:
    case SimFault::Kind::kAssert:
      return;
    case SimFault::Kind::kFailCopy:
      verdict.status = absl::InternalError(
          absl::StrCat(device_, ": a copy failed (injected)"));
      verdict.good_bytes = 0;
      return;
    case SimFault::Kind::kFailDevice:
      health_ = absl::InternalError(
          absl::StrCat(device_, ": the device failed (injected)"));
      verdict.status = health_;
      verdict.good_bytes = fault.after_bytes;
      return;
    case SimFault::Kind::kCorrupt:
      verdict.corrupt = true;
      return;
    case SimFault::Kind::kStall:
      stall = true;
      return;
  }
}

absl::Status SimFaults::health() const {
  MutexLock lock(mutex_);
  return health_;
}

}  // namespace ferry
