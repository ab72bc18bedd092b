// Requests' tensors, good and bad, on the cpu.

#include "server/executors/request_tensor.h"

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
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->const_data_ptr(), numbers_.data());
  EXPECT_EQ(tensor->sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ((*tensor)[1][2].item<float>(), 6);
}

TEST_F(RequestTensorTest, IsACopyWhenTheModelWritesToIt) {
  const auto tensor = RequestTensor(View({8}, 32), kCpu, true);
  ASSERT_THAT(tensor, IsOk());
  EXPECT_NE(tensor->const_data_ptr(), numbers_.data());
  tensor->fill_(9);
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
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->item<float>(), 2.5);
}

TEST_F(RequestTensorTest, IsAViewOnlyAtMultiplesOfSixteenBytes) {
  for (const size_t shift : {0, 4, 8, 12, 16}) {
    const TensorView view{
        .dtype = DType::kFloat32,
        .shape = {4},
        .bytes = std::as_bytes(std::span(numbers_)).subspan(shift, 16)};
    const auto tensor = RequestTensor(view, kCpu, false);
    ASSERT_THAT(tensor, IsOk());
    EXPECT_EQ(tensor->const_data_ptr() == view.bytes.data(), shift % 16 == 0)
        << shift;
    EXPECT_EQ((*tensor)[0].item<float>(), numbers_.at(shift / 4));
  }
}

TEST_F(RequestTensorTest, TakesTensorsWithoutElements) {
  const auto tensor = RequestTensor(
      {.dtype = DType::kFloat32, .shape = {0, 7}, .bytes = {}}, kCpu, false);
  ASSERT_THAT(tensor, IsOk());
  EXPECT_EQ(tensor->sizes(), (std::vector<int64_t>{0, 7}));
}

TEST_F(RequestTensorTest, RefusesBytesThatDoNotMatchTheShape) {
  for (const size_t size_bytes : {0, 20, 28, 32}) {
    const auto tensor = RequestTensor(View({2, 3}, size_bytes), kCpu, false);
    EXPECT_THAT(tensor, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_NE(tensor.status().message().find("takes 24 bytes, got"),
              std::string::npos);
  }
}

TEST_F(RequestTensorTest, RefusesShapesThatLie) {
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{-1, 3},
                                         {kHuge, kHuge},
                                         {int64_t{1} << 62, 4},
                                         {kHuge, 0, kHuge},
                                         std::vector<int64_t>(65, 1)}) {
    EXPECT_THAT(RequestTensor(View(shape, 4), kCpu, false),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(RequestTensorTest, RefusesABoolThatIsNeitherTrueNorFalse) {
  std::array<std::byte, 3> bytes{std::byte{0}, std::byte{1}, std::byte{1}};
  const TensorView view{.dtype = DType::kBool, .shape = {3}, .bytes = bytes};
  EXPECT_THAT(RequestTensor(view, kCpu, false), IsOk());
  bytes[2] = std::byte{2};
  EXPECT_THAT(RequestTensor(view, kCpu, false),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace ferry::request_tensor_test
