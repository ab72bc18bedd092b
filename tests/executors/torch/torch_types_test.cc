// Every dtype there and back; sizes against LibTorch's.

#include "server/executors/torch/torch_types.h"

#include <gtest/gtest.h>

namespace ferry::torch_types_test {
namespace {

TEST(TorchTypesTest, EveryDTypeGoesThereAndBackWithItsSize) {
  for (int i = 0; i <= static_cast<int>(DType::kComplex128); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(FromScalarType(ToScalarType(dtype)), dtype);
    EXPECT_EQ(SizeBytes(dtype), c10::elementSize(ToScalarType(dtype)));
  }
}

TEST(TorchTypesTest, DTypesThatNoValueHasBecomeNothing) {
  EXPECT_EQ(FromScalarType(c10::ScalarType::QInt8), std::nullopt);
  EXPECT_EQ(FromScalarType(c10::ScalarType::Float8_e4m3fn), std::nullopt);
}

TEST(TorchTypesTest, DevicesKeepTheirIndex) {
  EXPECT_EQ(ToTorchDevice({DeviceKind::kCpu, 0}), c10::Device(c10::kCPU));
  EXPECT_EQ(ToTorchDevice({DeviceKind::kSim, 3}),
            c10::Device(c10::kPrivateUse1, 3));
  EXPECT_EQ(ToTorchDevice({DeviceKind::kCuda, 1}), c10::Device(c10::kCUDA, 1));
  EXPECT_EQ(KeyOf(c10::Device(c10::kCUDA, 1)), c10::DispatchKey::CUDA);
  EXPECT_EQ(KeyOf(c10::Device(c10::kPrivateUse1, 1)),
            c10::DispatchKey::PrivateUse1);
}

}  // namespace
}  // namespace ferry::torch_types_test
