// Tensors in values of every shape.

#include "server/executors/torch/ivalue_walk.h"

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "tests/executors/scripted.h"

namespace ferry::ivalue_walk_test {
namespace {

int Count(const c10::IValue& value) {
  int count = 0;
  ForEachTensor(value, [&](const at::Tensor&) { ++count; });
  return count;
}

TEST(IValueWalkTest, FindsTensorsInListsTuplesDictsAndObjects) {
  const at::Tensor x = at::ones({1});
  c10::impl::GenericDict dict(c10::StringType::get(), c10::TensorType::get());
  dict.insert("a", x);
  EXPECT_EQ(Count(c10::ivalue::Tuple::create(
                {x, c10::List<at::Tensor>({x, x}), dict, 3})),
            4);
  const torch::jit::Module module =
      Scripted("def forward(self, x):\n    return x\n");
  EXPECT_EQ(Count(module._ivalue()), 2);
}

TEST(IValueWalkTest, MeetsAnObjectOnceAndUndefinedTensorsNever) {
  const torch::jit::Module module =
      Scripted("def forward(self, x):\n    return x\n");
  EXPECT_EQ(Count(c10::ivalue::Tuple::create(
                {module._ivalue(), module._ivalue(), at::Tensor()})),
            2);
}

}  // namespace
}  // namespace ferry::ivalue_walk_test
