// The dtypes that programs tell, by graphs made from source over a float
// parameter and a float buffer of four elements.

#include "server/executors/torchscript/graph/input_dtypes.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/executors/scripted.h"

namespace ferry::input_dtypes_test {
namespace {

// "float32", "float32 or other floats", "float32 or others", or "" of x.
std::string Shown(const std::optional<InputDtype>& found) {
  if (!found) return "";
  const std::string dtype(TorchName(found->dtype));
  switch (found->need) {
    case DtypeNeed::kExact:
      return dtype;
    case DtypeNeed::kFloating:
      return dtype + " or other floats";
    case DtypeNeed::kPromoted:
      break;
  }
  return dtype + " or others";
}

std::string DtypeOfX(const std::string& body,
                     const std::string& arguments = "x",
                     c10::ScalarType weight = c10::ScalarType::Float) {
  torch::jit::Module module =
      Scripted("def forward(self, " + arguments + "):\n    " + body + "\n");
  module.setattr("weight", at::ones({4}).to(weight));
  return Shown(FindInputDtypes(*FlatGraph(module), module._ivalue())[0]);
}

TEST(InputDtypesTest, AnInputHasTheDtypeOfTheWeightThatItMeets) {
  EXPECT_EQ(DtypeOfX("return torch.matmul(x, self.weight)"), "float32");
  EXPECT_EQ(DtypeOfX("return torch.matmul(self.weight, x)"), "float32");
  EXPECT_EQ(DtypeOfX("return torch.linear(x, self.weight.view([1, 4]))", "x",
                     c10::ScalarType::Half),
            "float16");
  EXPECT_EQ(DtypeOfX("return torch.linear(torch.relu(x.view([-1, 4])), "
                     "self.weight.view([1, 4]))"),
            "float32");
  EXPECT_EQ(DtypeOfX("return torch.matmul(x, torch.relu(y))", "x, y"), "");
}

TEST(InputDtypesTest, AnIndexIsInt64AndAMaskIsBool) {
  EXPECT_EQ(DtypeOfX("return torch.embedding(self.weight.view([4, 1]), x)"),
            "int64");
  EXPECT_EQ(DtypeOfX("return torch.index_select(self.weight, 0, x)"), "int64");
  EXPECT_EQ(DtypeOfX("return torch.masked_fill(self.weight, x, 0)"), "bool");
}

TEST(InputDtypesTest, WhatAWeightWasMultipliedWithTellsToo) {
  EXPECT_EQ(DtypeOfX("return torch.matmul(torch.linear(y, "
                     "self.weight.view([1, 4])), x)",
                     "x, y"),
            "float32");
}

TEST(InputDtypesTest, ArithmeticTakesOtherDtypesAsWell) {
  EXPECT_EQ(DtypeOfX("return x * self.weight"), "float32 or others");
  EXPECT_EQ(DtypeOfX("return x + self.weight", "x", c10::ScalarType::Long),
            "int64 or others");
  EXPECT_EQ(DtypeOfX("return x * 2"), "");
  EXPECT_EQ(DtypeOfX("return torch.softmax(x, 0)"), "float32 or other floats");
  EXPECT_EQ(DtypeOfX("return torch.softmax(x, 0, dtype=6)"), "");
}

TEST(InputDtypesTest, WhatMustBeGoesBeforeWhatMayBe) {
  EXPECT_EQ(DtypeOfX("return (torch.softmax(x, 0) * self.weight, "
                     "torch.matmul(x, self.weight))",
                     "x", c10::ScalarType::Half),
            "float16");
  EXPECT_EQ(DtypeOfX("return (self.weight * x, torch.index_select(self.weight, "
                     "0, x))"),
            "int64");
}

TEST(InputDtypesTest, BehindAConversionNothingIsTold) {
  EXPECT_EQ(DtypeOfX("return torch.matmul(x.to(6), self.weight)"), "");
  EXPECT_EQ(DtypeOfX("return torch.matmul(x / 255, self.weight)"), "");
  EXPECT_EQ(DtypeOfX("return torch.matmul(x + 0.5, self.weight)"), "");
  EXPECT_EQ(DtypeOfX("return torch.matmul(x + 1, self.weight)"), "float32");
}

TEST(InputDtypesTest, BranchesThatDisagreeTellNothing) {
  EXPECT_EQ(DtypeOfX("return torch.embedding(self.weight.view([4, 1]), x) if "
                     "is_id else torch.matmul(x, self.weight)",
                     "x, is_id: bool"),
            "");
  EXPECT_EQ(DtypeOfX("y = x.view([-1]) if flat else x\n"
                     "    return torch.matmul(y, self.weight)",
                     "x, flat: bool"),
            "float32");
  EXPECT_EQ(DtypeOfX("if x.dim() == 2:\n"
                     "        y = x.view([-1])\n"
                     "    else:\n"
                     "        return self.weight\n"
                     "    return torch.matmul(y, self.weight)"),
            "float32");
  EXPECT_EQ(DtypeOfX("y = x\n"
                     "    for i in range(3):\n"
                     "        y = torch.matmul(y, self.weight)\n"
                     "    return y"),
            "float32");
}

TEST(InputDtypesTest, OfAListAllTensors) {
  EXPECT_EQ(DtypeOfX("return torch.matmul(torch.stack(x), self.weight)",
                     "x: List[Tensor]"),
            "float32");
  EXPECT_EQ(DtypeOfX("return torch.matmul(x[n], self.weight)",
                     "x: List[Tensor], n: int"),
            "float32");
  EXPECT_EQ(DtypeOfX("return self.weight * x", "x: float"), "");
}

}  // namespace
}  // namespace ferry::input_dtypes_test
