#include "server/executors/sim/sim_backend.h"

#include <atomic>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>

#include "server/base/invariant.h"
#include "server/executors/sim/sim_allocator.h"
#include "server/executors/sim/sim_operators.h"
#include "server/executors/sim/sim_table.h"
#include "server/executors/sim/sim_windows.h"

namespace ferry {

namespace {

c10::Device Sim(int index) {
  return {c10::kPrivateUse1, static_cast<c10::DeviceIndex>(index)};
}

std::atomic<uint64_t> waits_so_far{0};

// Everything runs at once, on the thread that asks: there is one stream.
class Guard final : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override { return c10::kPrivateUse1; }
  c10::Device exchangeDevice(c10::Device to) const override {
    const c10::Device former = getDevice();
    setDevice(to);
    return former;
  }
  c10::Device getDevice() const override { return Sim(CurrentSimDevice()); }
  void setDevice(c10::Device to) const override {
    if (to.has_index()) SimDeviceAt(to.index());  // Throws if not there.
    uncheckedSetDevice(to);
  }
  void uncheckedSetDevice(c10::Device to) const noexcept override {
    if (to.has_index()) SetCurrentSimDevice(to.index());
  }
  c10::DeviceIndex deviceCount() const noexcept override {
    return static_cast<c10::DeviceIndex>(SimDeviceCount());
  }
  c10::Stream getStream(c10::Device of) const override {
    return c10::Stream(c10::Stream::DEFAULT,
                       of.has_index() ? of : Sim(CurrentSimDevice()));
  }
  c10::Stream getDefaultStream(c10::Device of) const override {
    return getStream(of);
  }
  c10::Stream exchangeStream(c10::Stream to) const override {
    TORCH_CHECK(to.id() == 0, "simulated devices have one stream");
    return getStream(to.device());
  }
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override { ++waits_so_far; }
  void synchronizeDevice(c10::DeviceIndex) const override {}
};

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override {
    return static_cast<c10::DeviceIndex>(SimDeviceCount());
  }
  void setCurrentDevice(c10::DeviceIndex index) const override {
    Guard().setDevice(Sim(index));
  }
  c10::DeviceIndex getCurrentDevice() const override {
    return static_cast<c10::DeviceIndex>(CurrentSimDevice());
  }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex index) const override {
    return Guard().exchangeDevice(Sim(index)).index();
  }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex index) const override {
    return exchangeDevice(index);
  }
  // Random operators run on the CPU, so their generator is the CPU's.
  const at::Generator& getDefaultGenerator(c10::DeviceIndex) const override {
    return at::detail::getDefaultCPUGenerator();
  }
  at::Generator getNewGenerator(c10::DeviceIndex) const override {
    return at::detail::createCPUGenerator();
  }
  at::Device getDeviceFromPtr(void* data) const override {
    const SimDevice* device = SimDeviceHolding(data);
    TORCH_CHECK(device != nullptr, "not an address of a simulated device");
    return Sim(device->id().index);
  }
  c10::Allocator* getPinnedMemoryAllocator() const override {
    return c10::GetCPUAllocator();
  }
  void resizePrivateUse1Bytes(const c10::Storage& storage,
                              size_t size_bytes) const override {
    GrowSimStorage(*storage.unsafeGetStorageImpl(), size_bytes);
  }
};

void RegisterOnce() {
  static const bool once = [] {
    static Guard guard;
    c10::register_privateuse1_backend("sim");
    c10::SetAllocator(c10::kPrivateUse1, &SimAllocator());
    c10::impl::registerDeviceGuard(c10::kPrivateUse1, &guard);
    at::RegisterPrivateUse1HooksInterface(new Hooks);  // LibTorch keeps it.
    RegisterSimOperators();
    return true;
  }();
  (void)once;
}

std::atomic<int> backends{0};

}  // namespace

SimBackend::SimBackend(const std::vector<Device*>& devices) {
  INVARIANT(backends.fetch_add(1) == 0);
  for (Device* device : devices) {
    if (device->id().kind != DeviceKind::kSim) continue;
    RegisterOnce();
    auto* sim = dynamic_cast<SimDevice*>(device);
    INVARIANT(sim != nullptr);
    SetSimDevice(sim->id().index, sim);
  }
}

SimBackend::~SimBackend() {
  for (int i = SimDeviceCount() - 1; i >= 0; --i) SetSimDevice(i, nullptr);
  backends.fetch_sub(1);
}

uint64_t SimBackend::waits() { return waits_so_far; }

}  // namespace ferry
