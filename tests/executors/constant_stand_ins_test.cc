// Constants of one shape, which LibTorch would compare.

#include "server/executors/constant_stand_ins.h"

#include <ATen/Functions.h>
#include <c10/core/InferenceMode.h>
#include <gtest/gtest.h>

#include "tests/executors/scripted.h"

namespace ferry::constant_stand_ins_test {
namespace {

TEST(ConstantStandInsTest, NoTwoHaveOneShape) {
  const c10::InferenceMode inference;
  ConstantStandIns stand_ins;
  const at::Tensor x = at::ones({3});
  const at::Tensor a = stand_ins.StandInFor(x).toTensor();
  const c10::IValue list =
      stand_ins.StandInFor(c10::List<at::Tensor>({x, at::ones({3})}));
  EXPECT_NE(a.sizes(), list.toListRef()[0].toTensor().sizes());
  EXPECT_NE(list.toListRef()[0].toTensor().sizes(),
            list.toListRef()[1].toTensor().sizes());
  EXPECT_EQ(stand_ins.StandInFor("text").toStringRef(), "text");
}

TEST(ConstantStandInsTest, TheOriginalsComeBack) {
  const c10::InferenceMode inference;
  ConstantStandIns stand_ins;
  const at::Tensor x = at::ones({3});
  const torch::jit::Module module =
      Scripted("def forward(self, x):\n    return x\n");
  torch::jit::Graph& graph = *module.get_method("forward").graph();
  const torch::jit::Value* single =
      graph.insertConstant(stand_ins.StandInFor(x));
  torch::jit::Node* list = graph.insertNode(graph.create(c10::prim::Constant));
  list->ival_(c10::attr::value,
              stand_ins.StandInFor(c10::List<at::Tensor>({x})));
  list->output()->setType(c10::ListType::ofTensors());
  stand_ins.PutBack(*module._ivalue()->compilation_unit());
  EXPECT_TRUE(single->node()->t(c10::attr::value).is_same(x));
  EXPECT_TRUE(list->ival(c10::attr::value).toTensorVector()[0].is_same(x));
}

}  // namespace
}  // namespace ferry::constant_stand_ins_test
