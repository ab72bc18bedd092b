// Objects copied onto a simulated device: what is shared stays shared.

#include "server/executors/torchscript/tree_copy.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "server/executors/torch/torch_error.h"
#include "tests/executors/model_file.h"
#include "tests/executors/scripted.h"
#include "tests/support/status_matchers.h"

namespace ferry::tree_copy_test {
namespace {

class TreeCopyTest : public ::testing::Test {
 protected:
  const c10::InferenceMode inference_;
  Devices devices_;
  const std::unique_ptr<Arena> arena_ = *Arena::Create(*devices_.sim0, 4096);
  const WeightSet weights_{*devices_.sim0, *arena_->Take(64), 64};
  const std::unique_ptr<Arena> host_arena_ = *Arena::Create(devices_.cpu, 4096);
  const WeightSet host_{devices_.cpu, *host_arena_->Take(64), 64};
  const ImageRange range_ = *ImageRange::Reserve(64);
  StorageMap to_sim_{range_, weights_};
  StorageMap to_cpu_{range_, host_};
};

TEST_F(TreeCopyTest, AModuleIsNewButItsTypeIsShared) {
  const torch::jit::Module module =
      Scripted("def forward(self, x):\n    return x + self.weight\n");
  const c10::IValue copy = CopyTree(module._ivalue(), to_sim_);
  EXPECT_NE(copy.toObject().get(), module._ivalue().get());
  EXPECT_EQ(copy.toObjectRef().type(), module._ivalue()->type());
  const at::Tensor weight = copy.toObjectRef().getAttr("weight").toTensor();
  EXPECT_TRUE(weight.device().is_privateuseone());
  EXPECT_TRUE(at::equal(weight.cpu(), at::ones({4})));
}

TEST_F(TreeCopyTest, SharingIsKept) {
  const at::Tensor x = at::arange(6, at::kFloat);
  const c10::List<at::Tensor> list({x});
  const c10::IValue copy = CopyTree(
      c10::ivalue::Tuple::create({x, x.view({2, 3}).t(), list, list}), to_sim_);
  const auto& parts = copy.toTupleRef().elements();
  EXPECT_TRUE(parts[0].toTensor().is_alias_of(parts[1].toTensor()));
  EXPECT_EQ(parts[1].toTensor().strides(), (std::vector<int64_t>{1, 3}));
  EXPECT_TRUE(parts[2].toListRef()[0].toTensor().is_same(parts[0].toTensor()));
  EXPECT_TRUE(parts[2].is(parts[3]));
}

TEST_F(TreeCopyTest, PlainValuesAndDictsComeAlong) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::IntType::get());
  dict.insert("a", 1);
  const c10::IValue copy = CopyTree(
      c10::ivalue::Tuple::create({dict, 2.5, "text", c10::IValue()}), to_sim_);
  const auto& parts = copy.toTupleRef().elements();
  EXPECT_EQ(parts[0].toGenericDict().at("a").toInt(), 1);
  EXPECT_FALSE(parts[0].is(c10::IValue(dict)));
  EXPECT_EQ(parts[2].toStringRef(), "text");
  EXPECT_TRUE(parts[3].isNone());
}

TEST_F(TreeCopyTest, QuantisedTensorsLiveOnTheCpuOnly) {
  const at::Tensor quantised =
      at::quantize_per_tensor(at::ones({4}), 0.5, 0, at::kQInt8);
  EXPECT_TRUE(at::equal(CopyTree(quantised, to_cpu_).toTensor().dequantize(),
                        at::ones({4})));
  try {
    CopyTree(quantised, to_sim_);
    ADD_FAILURE() << "nothing thrown";
  } catch (const StatusError& error) {
    EXPECT_THAT(error.status(),
                StatusIs(absl::StatusCode::kFailedPrecondition));
  }
}

}  // namespace
}  // namespace ferry::tree_copy_test
