// Schemas as text, and the signatures that clients see.

#include "server/executors/torchscript/schema_signature.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/frontend/function_schema_parser.h>

namespace ferry::schema_signature_test {
namespace {

TEST(SchemaSignatureTest, NamesInputsInOrderAndWhetherTheyMayBeLeftOut) {
  const Signature signature = SchemaSignature(torch::jit::parseSchema(
      "forward(Any self, Tensor x, Tensor[] boxes, bool flip=False) "
      "-> Tensor"));
  ASSERT_EQ(signature.inputs.size(), 3u);
  EXPECT_EQ(signature.inputs[0].name, "x");
  EXPECT_EQ(signature.inputs[0].type, "Tensor");
  EXPECT_TRUE(signature.inputs[0].required);
  EXPECT_EQ(signature.inputs[1].type, "List[Tensor]");
  EXPECT_FALSE(signature.inputs[2].required);
  ASSERT_EQ(signature.outputs.size(), 1u);
  EXPECT_EQ(signature.outputs[0].name, "output");
  EXPECT_EQ(signature.shape_source, ShapeSource::kUnknown);
}

TEST(SchemaSignatureTest, ATupleIsSeveralOutputs) {
  const Signature signature = SchemaSignature(
      torch::jit::parseSchema("forward(Any self) -> ((Tensor, int[]) out)"));
  ASSERT_EQ(signature.outputs.size(), 2u);
  EXPECT_EQ(signature.outputs[0].name, "output_0");
  EXPECT_EQ(signature.outputs[1].type, "List[int]");
}

}  // namespace
}  // namespace ferry::schema_signature_test
