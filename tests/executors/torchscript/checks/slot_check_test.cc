// Objects whose attributes are of another class than declared.

#include "server/executors/torchscript/checks/slot_check.h"

#include <ATen/Functions.h>
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"

#include "tests/executors/written_module.h"
#include "tests/support/status_matchers.h"

namespace ferry {
namespace {

using ::testing::HasSubstr;

constexpr char kClasses[] = R"(class Small:
  a : int
class Big:
  a : int
  b : int
  c : int
  d : int
class Pair(NamedTuple):
  first : __torch__.Big
  second : int
)";

std::string SmallObject() {
  return pickle::Object("Small",
                        pickle::Dict({pickle::Str("a"), pickle::Int(1)}));
}
std::string BigObject() {
  return pickle::Object(
      "Big", pickle::Dict({pickle::Str("a"), pickle::Int(1), pickle::Str("b"),
                           pickle::Int(2), pickle::Str("c"), pickle::Int(3),
                           pickle::Str("d"), pickle::Int(4)}));
}

// Of a module whose attribute "part" is declared so and holds that.
absl::Status LoadPart(const std::string& declared, const std::string& held) {
  const std::string code = absl::StrCat(
      kClasses,
      "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n  part : ",
      declared,
      "\n  def forward(self: __torch__.M, x: Tensor) -> Tensor:\n"
      "    return x\n");
  return LoadWritten(code, pickle::Object(
                               "M", pickle::Dict({pickle::Str("part"), held})))
      .status();
}

TEST(SlotCheckTest, AnObjectOfTheDeclaredClassPasses) {
  const std::string big = BigObject();
  const std::string none = "N";
  for (const auto& [declared, held] :
       std::vector<std::pair<std::string, std::string>>{
           {"__torch__.Big", big},
           {"Optional[__torch__.Big]", big},
           {"Optional[__torch__.Big]", none},
           {"List[__torch__.Big]", pickle::List({big, big})},
           {"Dict[int, __torch__.Big]", pickle::Dict({pickle::Int(1), big})},
           {"Tuple[__torch__.Big, int]", pickle::Tuple({big, pickle::Int(1)})},
           {"Union[__torch__.Big, __torch__.Small]", SmallObject()},
           {"Any", SmallObject()},
           {"int", pickle::Int(1)}}) {
    EXPECT_THAT(LoadPart(declared, held), IsOk()) << declared;
  }
}

TEST(SlotCheckTest, AnObjectOfAnotherClassIsRefusedWhereverItIs) {
  const std::string big = BigObject();
  const std::string small = SmallObject();
  for (const auto& [declared, held] :
       std::vector<std::pair<std::string, std::string>>{
           {"__torch__.Big", small},
           {"__torch__.Big", pickle::Int(7)},
           {"__torch__.Big", "N"},
           {"Optional[__torch__.Big]", small},
           {"List[__torch__.Big]", pickle::List({big, small})},
           {"List[List[__torch__.Big]]",
            pickle::List({pickle::List({big}), pickle::List({small})})},
           {"Dict[int, __torch__.Big]", pickle::Dict({pickle::Int(1), small})},
           {"Tuple[int, __torch__.Big]",
            pickle::Tuple({pickle::Int(1), small})},
           {"Union[__torch__.Big, int]", small}}) {
    const absl::Status status = LoadPart(declared, held);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument))
        << declared;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("attribute part of __torch__.M is declared as "));
  }
  EXPECT_THAT(std::string(LoadPart("__torch__.Big", small).message()),
              HasSubstr("is declared as __torch__.Big, and holds "
                        "__torch__.Small"));
}

TEST(SlotCheckTest, ATupleHasTheDeclaredNumberOfElements) {
  const std::string one = pickle::Tuple({pickle::Int(1)});
  EXPECT_THAT(LoadPart("Tuple[int, int]", one),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(LoadPart("Tuple[int]", one), IsOk());
}

TEST(SlotCheckTest, AnObjectHasAllItsAttributes) {
  const auto loaded = LoadWritten(
      std::string(kClasses) +
          "class M(Module):\n  __parameters__ = []\n  __buffers__ = []\n"
          "  a : int\n",
      pickle::Object("M", pickle::Dict({pickle::Str("a"), pickle::Int(1)})));
  ASSERT_THAT(loaded, IsOk());
  EXPECT_THAT(CheckSlots(*loaded->object), IsOk());
  loaded->object->unsafeRemoveSlot(0);
  const absl::Status status = CheckSlots(*loaded->object);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_EQ(status.message(),
            "an object of class __torch__.M has 0 of its 1 attributes");
}

TEST(SlotCheckTest, WhatNoFileCanHoldIsRefused) {
  const auto future =
      c10::FutureType::create(c10::TupleType::create({c10::IntType::get()}));
  EXPECT_FALSE(Conforms(c10::IValue(1), *future));
}

TEST(SlotCheckTest, NumbersAndTensorsAreLibTorchsToLookAt) {
  EXPECT_TRUE(Conforms(c10::IValue(1), *c10::TensorType::get()));
  EXPECT_TRUE(Conforms(c10::IValue(), *c10::TensorType::get()));
  EXPECT_FALSE(HoldsObjects(*c10::ListType::ofTensors()));
  EXPECT_TRUE(HoldsObjects(
      *c10::ListType::create(c10::TupleType::create({c10::IntType::get()}))));
}

}  // namespace
}  // namespace ferry
