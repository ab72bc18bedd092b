// RandomInputs against signatures that tell enough, and such that do not.

#include "client/ctl/random_inputs.h"

#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace ferry::client::random_inputs_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Signature TwoTensors() {
  Signature signature;
  signature.inputs = {{"x", "Tensor", true},
                      {"ids", "Tensor", true},
                      {"scale", "float", false}};
  signature.input_shapes = {{"x", "FP32", {-1, 1000}}, {"ids", "INT64", {8}}};
  return signature;
}

const Tensor& AsTensor(const NamedValue& value) {
  return std::get<Tensor>(value.value.value);
}

TEST(RandomInputsTest, FillsKnownShapesAndLeavesOptionalOnesOut) {
  const auto inputs = RandomInputs(TwoTensors(), 1, {});
  ASSERT_THAT(inputs, IsOk());
  ASSERT_EQ(inputs->size(), 2);
  const Tensor& x = AsTensor(inputs->at(0));
  EXPECT_THAT(x.shape, ElementsAre(1, 1000));
  double sum = 0;
  for (size_t i = 0; i < 1000; ++i) {
    float element = 0;
    std::memcpy(&element, x.data.data() + i * sizeof(float), sizeof(float));
    ASSERT_LE(std::abs(element), 1);
    sum += std::abs(element);
  }
  EXPECT_NEAR(sum / 1000, 0.5, 0.05);
  const Tensor& ids = AsTensor(inputs->at(1));
  EXPECT_EQ(ids.dtype, DType::kInt64);
  for (size_t i = 0; i < 8; ++i) {
    EXPECT_THAT(static_cast<int>(ids.data[i * 8]), testing::AnyOf(0, 1));
  }
}

TEST(RandomInputsTest, TheSeedDecides) {
  EXPECT_EQ(*RandomInputs(TwoTensors(), 7, {}),
            *RandomInputs(TwoTensors(), 7, {}));
  EXPECT_NE(*RandomInputs(TwoTensors(), 7, {}),
            *RandomInputs(TwoTensors(), 8, {}));
}

TEST(RandomInputsTest, KeepsWhatIsGiven) {
  const auto inputs =
      RandomInputs(TwoTensors(), 1, {{"x", {int64_t{5}}}, {"scale", {2.0}}});
  ASSERT_THAT(inputs, IsOk());
  ASSERT_EQ(inputs->size(), 3);
  EXPECT_EQ(inputs->at(0).value, Value{int64_t{5}});
  EXPECT_EQ(inputs->at(2).name, "ids");
}

TEST(RandomInputsTest, SaysWhatMustBeGiven) {
  Signature signature = TwoTensors();
  signature.input_shapes.pop_back();
  auto inputs = RandomInputs(signature, 1, {});
  EXPECT_THAT(inputs, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(inputs.status().message()),
              HasSubstr("input ids: its shape is not known"));
  signature.inputs[1].type = "List[int]";
  inputs = RandomInputs(signature, 1, {});
  EXPECT_THAT(std::string(inputs.status().message()),
              HasSubstr("input ids: it is of type List[int]"));
  EXPECT_THAT(std::string(inputs.status().message()), HasSubstr("--input"));
  signature = TwoTensors();
  signature.input_shapes[0].shape = {1 << 20, 1 << 20};
  EXPECT_THAT(RandomInputs(signature, 1, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace ferry::client::random_inputs_test
