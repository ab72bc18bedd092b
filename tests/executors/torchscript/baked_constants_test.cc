// Graphs with constants, as text, bound to a simulated device.

#include "server/executors/torchscript/baked_constants.h"

#include <ATen/Functions.h>
#include <ATen/TensorOperators.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/ir/irparser.h>

#include "tests/executors/model_file.h"

namespace ferry::baked_constants_test {
namespace {

class BakedConstantsTest : public ::testing::Test {
 protected:
  // A graph with a constant of each value.
  static std::shared_ptr<torch::jit::Graph> GraphOf(
      const std::vector<c10::IValue>& values) {
    auto graph = std::make_shared<torch::jit::Graph>();
    for (const c10::IValue& value : values) graph->insertConstant(value);
    return graph;
  }
  static c10::IValue ValueOf(torch::jit::Graph& graph, size_t index) {
    auto node = graph.nodes().begin();
    std::advance(node, index);
    return *torch::jit::toIValue((*node)->output());
  }

  const c10::InferenceMode inference_;
  Devices devices_;
  const std::unique_ptr<Arena> arena_ = *Arena::Create(*devices_.sim1, 4096);
  const WeightSet weights_{*devices_.sim1, *arena_->Take(64), 64};
  const ImageRange range_ = *ImageRange::Reserve(64);
  StorageMap storages_{range_, weights_};
  const c10::Device sim1_{c10::kPrivateUse1, 1};
};

TEST_F(BakedConstantsTest, NumbersAndScalarsNeedNoBinding) {
  EXPECT_FALSE(
      HasBakedConstants(*GraphOf({int64_t{1}, 2.5, at::scalar_tensor(3.0)})));
  EXPECT_TRUE(HasBakedConstants(*GraphOf({at::ones({1})})));
  EXPECT_TRUE(HasBakedConstants(*GraphOf({c10::Device(c10::kCPU)})));
}

TEST_F(BakedConstantsTest, TensorsAndTheirListsMoveToTheDevice) {
  const auto graph = GraphOf({at::ones({2}), at::scalar_tensor(3.0)});
  torch::jit::Node* list = graph->create(c10::prim::Constant);
  list->ival_(c10::attr::value,
              c10::List<at::Tensor>({at::ones({2}), at::ones({3})}));
  list->output()->setType(c10::ListType::ofTensors());
  graph->insertNode(list);
  EXPECT_TRUE(HasBakedConstants(*graph));
  BindConstants(*graph, *graph, storages_);
  EXPECT_EQ(ValueOf(*graph, 0).toTensor().device(), sim1_);
  EXPECT_TRUE(ValueOf(*graph, 1).toTensor().device().is_cpu());
  EXPECT_EQ(list->ival(c10::attr::value).toTensorVector()[1].device(), sim1_);
}

TEST_F(BakedConstantsTest, ADeviceBecomesTheInstances) {
  const auto on_cpu = GraphOf({c10::Device(c10::kCPU)});
  BindConstants(*on_cpu, *on_cpu, storages_);
  EXPECT_EQ(ValueOf(*on_cpu, 0).toDevice(), sim1_);
  const auto on_gpu =
      GraphOf({c10::Device(c10::kCUDA, 3), c10::Device(c10::kCPU)});
  BindConstants(*on_gpu, *on_gpu, storages_);
  EXPECT_EQ(ValueOf(*on_gpu, 0).toDevice(), sim1_);
  // Made on a GPU and yet on the cpu: meant so.
  EXPECT_EQ(ValueOf(*on_gpu, 1).toDevice(), c10::Device(c10::kCPU));
}

TEST_F(BakedConstantsTest, ScalarsAreReplacedByTheirOwnedCopies) {
  const at::Tensor scalar = at::scalar_tensor(3.0);
  const at::Tensor vector = at::ones({2});
  const auto graph = GraphOf({scalar, vector});
  OwnScalars(*graph);
  EXPECT_EQ(ValueOf(*graph, 0).toTensor().item<float>(), 3);
  EXPECT_FALSE(ValueOf(*graph, 0).toTensor().is_alias_of(scalar));
  EXPECT_TRUE(ValueOf(*graph, 1).toTensor().is_alias_of(vector));
}

}  // namespace
}  // namespace ferry::baked_constants_test
