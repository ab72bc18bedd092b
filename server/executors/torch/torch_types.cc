#include "server/executors/torch/torch_types.h"

#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "server/base/invariant.h"
#include "server/executors/torch/torch_error.h"

namespace ferry {

namespace {

constexpr std::array<std::pair<DType, c10::ScalarType>, 15> kScalarTypes = {{
    {DType::kBool, c10::ScalarType::Bool},
    {DType::kUint8, c10::ScalarType::Byte},
    {DType::kUint16, c10::ScalarType::UInt16},
    {DType::kUint32, c10::ScalarType::UInt32},
    {DType::kUint64, c10::ScalarType::UInt64},
    {DType::kInt8, c10::ScalarType::Char},
    {DType::kInt16, c10::ScalarType::Short},
    {DType::kInt32, c10::ScalarType::Int},
    {DType::kInt64, c10::ScalarType::Long},
    {DType::kFloat16, c10::ScalarType::Half},
    {DType::kBfloat16, c10::ScalarType::BFloat16},
    {DType::kFloat32, c10::ScalarType::Float},
    {DType::kFloat64, c10::ScalarType::Double},
    {DType::kComplex64, c10::ScalarType::ComplexFloat},
    {DType::kComplex128, c10::ScalarType::ComplexDouble},
}};

}  // namespace

c10::ScalarType ToScalarType(DType dtype) {
  const auto index = static_cast<size_t>(dtype);
  INVARIANT(index < kScalarTypes.size() && kScalarTypes[index].first == dtype);
  return kScalarTypes[index].second;
}

std::optional<DType> FromScalarType(c10::ScalarType type) {
  for (const auto& [dtype, scalar_type] : kScalarTypes) {
    if (scalar_type == type) return dtype;
  }
  return std::nullopt;
}

c10::Device ToTorchDevice(DeviceId id) {
  const auto index = static_cast<c10::DeviceIndex>(id.index);
  switch (id.kind) {
    case DeviceKind::kCpu:
      return c10::Device(c10::kCPU);
    case DeviceKind::kSim:
      return c10::Device(c10::kPrivateUse1, index);
    case DeviceKind::kCuda:
      return c10::Device(c10::kCUDA, index);
  }
  INVARIANT(false);
  return c10::Device(c10::kCPU);
}

c10::DispatchKey KeyOf(c10::Device device) {
  if (device.is_cpu()) return c10::DispatchKey::CPU;
  if (device.is_cuda()) return c10::DispatchKey::CUDA;
  if (device.is_privateuseone()) return c10::DispatchKey::PrivateUse1;
  throw StatusError(absl::FailedPreconditionError(
      absl::StrCat("the model holds a tensor on the device \"", device.str(),
                   "\", which cannot be carried")));
}

}  // namespace ferry
