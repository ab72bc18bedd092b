// TypeName on the types that TorchScript writes, and on what is none.

#include "client/ctl/type_name.h"

#include <string>

#include <gtest/gtest.h>

namespace ferry::client::type_name_test {
namespace {

using Kind = TypeName::Kind;

const TypeName kTensor = {Kind::kTensor, {}};
const TypeName kInt = {Kind::kInt, {}};

TEST(TypeNameTest, TakesTypesApart) {
  EXPECT_EQ(ParseTypeName("Tensor"), kTensor);
  EXPECT_EQ(ParseTypeName("str").kind, Kind::kStr);
  EXPECT_EQ(ParseTypeName("Optional[List[Tensor]]"),
            (TypeName{Kind::kOptional, {{Kind::kList, {kTensor}}}}));
  EXPECT_EQ(ParseTypeName("Dict[str, List[int]]"),
            (TypeName{Kind::kDict, {{Kind::kStr, {}}, {Kind::kList, {kInt}}}}));
  EXPECT_EQ(ParseTypeName("Tuple[Tuple[int, Tensor], int]"),
            (TypeName{Kind::kTuple, {{Kind::kTuple, {kInt, kTensor}}, kInt}}));
}

TEST(TypeNameTest, WhatItDoesNotKnowIsAny) {
  for (const char* text :
       {"Any", "", "__torch__.Point", "Union[int, float]", "List[int",
        "List[int, int]", "Dict[str]", "List", "[int]", "Optional[]]["}) {
    const TypeName type = ParseTypeName(text);
    EXPECT_TRUE(type.kind == Kind::kAny || type.elements[0].kind == Kind::kAny)
        << text;
  }
  EXPECT_EQ(ParseTypeName("List[Any]"), (TypeName{Kind::kList, {TypeName()}}));
}

TEST(TypeNameTest, EndlessNestingEnds) {
  std::string text = "int";
  for (int i = 0; i < 10'000; ++i) text = "List[" + text + "]";
  EXPECT_EQ(ParseTypeName(text).kind, Kind::kList);
}

}  // namespace
}  // namespace ferry::client::type_name_test
