// Which argument a flat tensor belongs to.

#include "server/values/signature.h"

#include <gtest/gtest.h>

namespace ferry::signature_test {
namespace {

TEST(SignatureTest, FindsTheArgumentThatATensorIsAPartOf) {
  Signature signature;
  signature.inputs = {{.name = "x", .type = "Tensor"},
                      {.name = "boxes", .type = "List[Tensor]"}};
  EXPECT_EQ(signature.FindInput("x"), &signature.inputs[0]);
  EXPECT_EQ(signature.FindInput("boxes.0.1"), &signature.inputs[1]);
  EXPECT_EQ(signature.FindInput("box"), nullptr);
  EXPECT_EQ(signature.FindInput("boxes2.0"), nullptr);
  EXPECT_EQ(signature.FindInput(""), nullptr);
}

}  // namespace
}  // namespace ferry::signature_test
