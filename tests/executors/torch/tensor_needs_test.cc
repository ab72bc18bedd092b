// What operators need: by name, and, for those that want the host, by running
// them on a simulated device.

#include "server/executors/torch/tensor_needs.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Functions.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>

#include "tests/executors/model_file.h"

namespace ferry::tensor_needs_test {
namespace {

const c10::FunctionSchema& SchemaOf(const std::string& name,
                                    const std::string& overload) {
  return c10::Dispatcher::singleton()
      .findSchemaOrThrow(name.c_str(), overload.c_str())
      .schema();
}

TEST(TensorNeedsTest, ConcernTheOperatorAndItsTwinThatWritesInPlace) {
  EXPECT_EQ(TensorNeeds(SchemaOf("aten::linear", "")), "sss");
  EXPECT_EQ(TensorNeeds(SchemaOf("aten::add", "Tensor")), "pp");
  EXPECT_EQ(TensorNeeds(SchemaOf("aten::add_", "Tensor")), "pp");
  EXPECT_EQ(TensorNeeds(SchemaOf("aten::lstm", "input")), "sss");
  EXPECT_EQ(TensorNeeds(SchemaOf("aten::lstm", "data")), "shss");
  EXPECT_EQ(TensorNeeds(SchemaOf("aten::view", "")), "k");
  EXPECT_EQ(TensorNeeds(SchemaOf("aten::view", "dtype")), "");
  EXPECT_EQ(TensorNeeds(SchemaOf("aten::nonzero", "")), "");
}

TEST(TensorNeedsTest, AValueOfTensorsIsATensorOrAListOfThem) {
  const auto schema = torch::jit::parseSchema(
      "f(Tensor a, Tensor? b, Tensor[] c, Tensor?[] d, int e, int[] f, "
      "(Tensor, int) g) -> Tensor");
  std::string holds;
  for (const c10::Argument& argument : schema.arguments()) {
    if (CarriesTensors(*argument.type())) holds += argument.name();
  }
  EXPECT_EQ(holds, "abcd");
}

class HostNeedsTest : public ::testing::Test {
 protected:
  // The operator with its tensor on the host, and on the device.
  using Operator = std::function<void(const at::Tensor& wanted_on_host)>;

  void Expect(const std::string& name, const std::string& overload,
              size_t argument, const at::Tensor& tensor, const Operator& run) {
    EXPECT_TRUE(WantsHost(SchemaOf(name, overload), argument)) << name;
    EXPECT_NO_THROW(run(tensor)) << name;
    EXPECT_THROW(run(tensor.to(sim0_)), c10::Error) << name;
  }

  const c10::InferenceMode inference_;
  Devices devices_;
  const c10::Device sim0_{c10::kPrivateUse1, 0};
};

TEST_F(HostNeedsTest, AreTrueOnADevice) {
  const at::Tensor lengths = at::tensor(std::vector<int64_t>{3, 2});
  const at::Tensor x = at::ones({2, 3, 4}).to(sim0_);
  const auto [data, sizes] = at::_pack_padded_sequence(x, lengths, true);
  Expect("aten::_pack_padded_sequence", "", 1, lengths,
         [&](const auto& t) { at::_pack_padded_sequence(x, t, true); });
  Expect("aten::_pad_packed_sequence", "", 1, sizes,
         [&, &data = data](const auto& t) {
           at::_pad_packed_sequence(data, t, true, 0.0, 0);
         });
  Expect("aten::tensor_split", "tensor_indices_or_sections", 1,
         at::tensor(std::vector<int64_t>{1, 2}),
         [&](const auto& t) { at::tensor_split(x, t, 1); });
  Expect("aten::randint_like", "Tensor", 1, at::scalar_tensor(7, at::kLong),
         [&](const auto& t) { at::randint_like(x, t); });

  const auto weights = [&](int64_t gates) {
    return std::vector<at::Tensor>{at::ones({gates * 5, 4}).to(sim0_),
                                   at::ones({gates * 5, 5}).to(sim0_)};
  };
  const at::Tensor h = at::zeros({1, 2, 5}).to(sim0_);
  Expect("aten::lstm", "data", 1, sizes, [&, &data = data](const auto& t) {
    at::lstm(data, t, {h, h}, weights(4), false, 1, 0, false, false);
  });
  Expect("aten::gru", "data", 1, sizes, [&, &data = data](const auto& t) {
    at::gru(data, t, h, weights(3), false, 1, 0, false, false);
  });
  Expect("aten::rnn_tanh", "data", 1, sizes, [&, &data = data](const auto& t) {
    at::rnn_tanh(data, t, h, weights(1), false, 1, 0, false, false);
  });
  Expect("aten::rnn_relu", "data", 1, sizes, [&, &data = data](const auto& t) {
    at::rnn_relu(data, t, h, weights(1), false, 1, 0, false, false);
  });
}

}  // namespace
}  // namespace ferry::tensor_needs_test
