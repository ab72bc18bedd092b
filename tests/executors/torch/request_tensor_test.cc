// Requests' tensors, good and bad, on the cpu.

#include "server/executors/torch/request_tensor.h"

#include <array>
#include <cstring>
#include <limits>

#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::request_tensor_test {
namespace {

const c10::Device kCpu(c10::kCPU);

class RequestTensorTest : public ::testing::Test {
 protected:
  const c10::InferenceMode inference_;
  alignas(16) std::array<float, 8> numbers_{1, 2, 3, 4, 5, 6, 7, 8};

  TensorView View(std::vector<int64_t> shape, size_t size_bytes) {
    return {.dtype = DType::kFloat32,
            .shape = std::move(shape),
            .bytes = std::as_bytes(std::span(numbers_)).first(size_bytes)};
  }
};

TEST_F(RequestTensorTest, IsAViewOfTheRequest) {
  const auto tensor = RequestTensor(View({2, 3}, 24), kCpu, false);
  EXPECT_EQ(tensor.const_data_ptr(), numbers_.data());
  EXPECT_EQ(tensor.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(tensor[1][2].item<float>(), 6);
}

TEST_F(RequestTensorTest, IsACopyWhenTheModelWritesToIt) {
  const auto tensor = RequestTensor(View({8}, 32), kCpu, true);
  EXPECT_NE(tensor.const_data_ptr(), numbers_.data());
  tensor.fill_(9);
  EXPECT_EQ(numbers_[0], 1);
}

TEST_F(RequestTensorTest, IsACopyWhenTheBytesAreNotAligned) {
  std::array<std::byte, 9> memory{};
  const float value = 2.5;
  std::memcpy(memory.data() + 1, &value, 4);
  const auto tensor = RequestTensor({.dtype = DType::kFloat32,
                                     .shape = {},
                                     .bytes = std::span(memory).subspan(1, 4)},
                                    kCpu, false);
  EXPECT_EQ(tensor.item<float>(), 2.5);
}

TEST_F(RequestTensorTest, IsAViewOnlyAtMultiplesOfSixteenBytes) {
  for (const size_t shift : {0, 4, 8, 12, 16}) {
    const TensorView view{
        .dtype = DType::kFloat32,
        .shape = {4},
        .bytes = std::as_bytes(std::span(numbers_)).subspan(shift, 16)};
    const auto tensor = RequestTensor(view, kCpu, false);
    EXPECT_EQ(tensor.const_data_ptr() == view.bytes.data(), shift % 16 == 0)
        << shift;
    EXPECT_EQ(tensor[0].item<float>(), numbers_.at(shift / 4));
  }
}

TEST_F(RequestTensorTest, TakesTensorsWithoutElements) {
  const auto tensor = RequestTensor(
      {.dtype = DType::kFloat32, .shape = {0, 7}, .bytes = {}}, kCpu, false);
  EXPECT_EQ(tensor.sizes(), (std::vector<int64_t>{0, 7}));
}

// Who lets one in has checked it: a view past its bytes would read others'.
TEST_F(RequestTensorTest, DiesOfATensorThatNobodyChecked) {
  EXPECT_DEATH(RequestTensor(View({2, 3}, 20), kCpu, false), "INVARIANT");
  EXPECT_DEATH(RequestTensor(View({-1, 3}, 4), kCpu, false), "INVARIANT");
}

}  // namespace
}  // namespace ferry::request_tensor_test
