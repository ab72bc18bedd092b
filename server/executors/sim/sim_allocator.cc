#include "server/executors/sim/sim_allocator.h"

#include <cstring>

#include <ATen/EmptyTensor.h>
#include <c10/core/DeviceGuard.h>

#include "server/base/invariant.h"
#include "server/executors/sim/sim_table.h"

namespace ferry {

namespace {

class Allocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t size_bytes) override {
    return AllocateOnSim(CurrentSimDevice(), size_bytes);
  }
  c10::DeleterFnPtr raw_deleter() const override { return &FreeOnSim; }
  void copy_data(void* to, const void* from, size_t size_bytes) const override {
    SimDevice* target = SimDeviceHolding(to);
    SimDevice* source = SimDeviceHolding(from);
    INVARIANT(target != nullptr && source != nullptr);
    std::memcpy(target->Window(static_cast<const std::byte*>(to)),
                source->Window(static_cast<const std::byte*>(from)),
                size_bytes);
  }
};

}  // namespace

c10::Allocator& SimAllocator() {
  static Allocator* const allocator = new Allocator;  // Outlives all tensors.
  return *allocator;
}

at::Tensor EmptyOnSim(c10::IntArrayRef sizes, c10::IntArrayRef strides,
                      c10::ScalarType type, c10::Device device) {
  const c10::DeviceGuard guard(device);
  return at::Tensor(at::detail::empty_strided_generic(
      sizes, strides, &SimAllocator(),
      c10::DispatchKeySet(c10::DispatchKey::PrivateUse1), type));
}

}  // namespace ferry
