// Ferry's words for dtypes and devices in LibTorch's, and back.
//
// Threads:  any.

#ifndef SERVER_EXECUTORS_TORCH_TORCH_TYPES_H_
#define SERVER_EXECUTORS_TORCH_TORCH_TYPES_H_

#include <optional>

#include <c10/core/Device.h>
#include <c10/core/DispatchKey.h>
#include <c10/core/ScalarType.h>

#include "server/devices/device.h"
#include "server/values/value.h"

namespace ferry {

c10::ScalarType ToScalarType(DType dtype);
// Nothing for a dtype that a Value cannot have: quantised, float8, ...
std::optional<DType> FromScalarType(c10::ScalarType type);

// "sim:N" is LibTorch's PrivateUse1 device N.
c10::Device ToTorchDevice(DeviceId id);

// The key of plain tensors on that device. Throws FAILED_PRECONDITION for one
// that no model can serve from ("meta").
c10::DispatchKey KeyOf(c10::Device device);

}  // namespace ferry

#endif  // SERVER_EXECUTORS_TORCH_TORCH_TYPES_H_
